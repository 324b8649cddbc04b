// SGLang's dialect, by replies that a real SGLang 0.5.23 gave and by the simulated engine.
import { readFileSync } from "node:fs";
import { sglang } from "../../src/engine/sglang/sglang.js";
import { SimControl } from "../../src/sim/control/control-client.js";
import { startSimEngine } from "../../src/sim/server.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { describeEngineDialect, type LiveEngine, type RecordedReply } from "./conformance.js";

interface Recorded {
	choices: Array<{
		message: Record<string, unknown>;
		finish_reason: string;
		prompt_token_ids?: number[] | null;
		meta_info?: { prompt_tokens: number; output_token_logprobs: Array<[number, number, string]> };
	}>;
}

function bytesOf(name: string): Buffer {
	return readFileSync(new URL(`../fixtures/sglang-0.5.23/${name}.json`, import.meta.url));
}

function recorded(name: string, payloads: readonly string[] = []): RecordedReply {
	const bytes = bytesOf(name);
	const choice = (JSON.parse(bytes.toString()) as Recorded).choices[0];
	const entries = choice?.meta_info?.output_token_logprobs ?? [];
	// An engine that was not asked for them tells their number only: any ids will do.
	const count = choice?.meta_info?.prompt_tokens ?? 0;
	return {
		name,
		bytes,
		showsIds: Array.isArray(choice?.prompt_token_ids),
		inputIds: choice?.prompt_token_ids ?? Array.from({ length: count }, (_, at) => at),
		completionIds: entries.map(([, id]) => id),
		logprobs: entries.map(([logprob]) => logprob),
		finishReason: choice?.finish_reason ?? "",
		messageKeys: Object.keys(choice?.message ?? {}),
		payloads,
	};
}

async function start(): Promise<LiveEngine> {
	// A run whose client has left goes on for longer than any test waits: only a notice ends it.
	const engine = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, lostClientMs: 60_000 });
	const control = new SimControl(engine.controlUrl);
	return {
		url: engine.url,
		release: "0.5.23",
		vocabSize: 2665,
		refuseNext: (status, body) => control.script({ status, body }),
		holdNext: () => control.script({ gate: "held" }),
		held: async () => void (await control.arrivedAtGate("held")),
		aborted: async () => void (await control.waitForCounter("aborted", { atLeast: 1 })),
		close: () => engine.close(),
	};
}

describeEngineDialect("SGLang", sglang, {
	vocabSize: 151_936,
	recorded: [
		recorded("chat-input_ids"),
		recorded("chat-stop-string"),
		recorded("chat-top_logprobs"),
		recorded("chat-tools-ids"),
		recorded("chat-no_stop_trim"),
		recorded("moe-r3", ["routed_experts"]),
	],
	unusable: [
		{
			name: "one without meta_info, as an engine gives when something dropped our fields,",
			bytes: bytesOf("chat-n2"),
			says: /meta_info is missing/,
		},
		{ name: "one that is no object", bytes: Buffer.from("[]"), says: /not a JSON object/ },
		{ name: "one without choices", bytes: Buffer.from('{"choices":[]}'), says: /choices is empty/ },
	],
	hostile: [
		'"input_ids":[9]',
		'"input_\\u0069ds":[9],"input_ids":null',
		'"rid":"theirs"',
		'"r\\u0069d":["theirs"]',
		'"logprobs":false,"return_meta_info":false',
		'"no_stop_trim":true,"return_prompt_token_ids":false',
		'"stream":true,"stream_options":{"include_usage":true}',
	],
	forced: { logprobs: true, return_meta_info: true, no_stop_trim: false, return_prompt_token_ids: true },
	read: ({ input_ids: ids, rid: attemptId, ...client }) => ({ ids, attemptId, client }),
	start,
});
