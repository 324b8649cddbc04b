// The worked example of docs/tito.md: one small session on the toy checkpoint, run for real, token by token.
import { ledger, lossMask, type Span } from "../../src/demo/ledger.js";
import { table } from "../../src/demo/report.js";
import { type SessionRecords, verifySession } from "../../src/demo/verify.js";
import { createTito } from "../../src/tito/create.js";
import { readSamples } from "./samples.js";
import { startRig, TOY_CHECKPOINT } from "./worker-rig.js";

export interface WorkedExample {
	/** The block of the docs. */
	text: string;
	mask: number[];
	/** The mask that POST samples gave, and the tokens behind the first prompt. */
	sampleMask: number[];
	problems: string[];
	mismatches: unknown;
}

const FIRST = { role: "user", content: "Run the tests." };
/** As a model spells it: reasoning, then a call. */
const ANSWER = '<think>\nrun\n</think>\n\n<tool_call>\n{"name": "t", "arguments": {}}\n</tool_call>';
/** What the engine's parsers make of it. */
const CALL = {
	role: "assistant",
	content: "",
	reasoning_content: "run",
	tool_calls: [{ id: "call_1", type: "function", function: { name: "t", arguments: "{}" } }],
};
const LAST = "All pass.";
const TOOL = {
	type: "function",
	function: { name: "t", description: "", parameters: { type: "object", properties: {} } },
};

export async function workedExample(samplesThread: string): Promise<WorkedExample> {
	const settings = { chatTemplateFile: null, chatTemplateKwargs: new Map(), titoModel: "qwen3" };
	const tito = await createTito({ checkpointDir: TOY_CHECKPOINT, ...settings });
	const rig = await startRig({ titoModel: "qwen3" }, undefined, () => tito, undefined, samplesThread);
	try {
		await rig.control.script(
			{ text: ANSWER, message: CALL, finishReason: "tool_calls" },
			{ text: LAST, finishReason: "stop" },
		);
		const id = await rig.create();
		const first = await rig.chat(id, { messages: [FIRST], tools: [TOOL] });
		const message = first.json.choices[0]?.message;
		const result = { role: "tool", tool_call_id: "call_1", content: "4 passed" };
		await rig.chat(id, { messages: [FIRST, message, result], tools: [TOOL] });
		const read = await rig.request("GET", `/sessions/${id}`);
		const session = read.json as unknown as SessionRecords;
		const samples = readSamples(await rig.request("POST", `/sessions/${id}/samples`));
		const spans = ledger(session);
		return {
			text: await render(spans, (ids) => tito.decodeMany(ids)),
			mask: lossMask(spans),
			sampleMask: [...(samples.samples[0]?.lossMask ?? "")].map(Number),
			problems: verifySession(
				session,
				[0, 1].map(() => ({
					latencyMs: 0,
					promptIds: null,
					completionIds: null,
					toolCalls: 0,
					finishReason: null,
				})),
			),
			mismatches: read.json.metadata.tito_session_mismatch,
		};
	} finally {
		await rig.close();
	}
}

type Decode = (lists: readonly Int32Array[]) => Promise<string[]>;

async function render(spans: readonly Span[], decode: Decode): Promise<string> {
	const rows: Array<Array<string | number>> = [["turn", "what", "at", "id", "mask", "text"]];
	const start = spans.find(({ kind }) => kind === "sampled")?.from ?? 0;
	for (const { turn, kind, from, ids } of spans) {
		const texts = await decode(ids.map((id) => Int32Array.of(id)));
		// What only repeats, and the tools at the start, in one row.
		if (kind === "kept" || from + ids.length <= start) {
			const [whole = ""] = await decode([Int32Array.from(ids)]);
			const shown = kind === "kept" ? "(all of the above)" : JSON.stringify(ends(whole));
			rows.push([turn, kind, `${from}-${from + ids.length - 1}`, "", "", shown]);
			continue;
		}
		for (const [index, id] of ids.entries()) {
			const mask = kind === "sampled" ? "1" : kind === "trimmed" ? "" : "0";
			rows.push([turn, kind, String(from + index), id, mask, JSON.stringify(texts[index])]);
		}
	}
	return `\`\`\`text\n${table(rows)}\n\`\`\``;
}

function ends(text: string): string {
	return `${text.slice(0, 30)} ... ${text.slice(-60)}`;
}
