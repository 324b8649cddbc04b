// The worked example of docs/tito.md: one small session on the toy checkpoint, run for real, token by token.
import { join } from "node:path";
import { ledger, lossMask, type Span } from "../../src/demo/ledger.js";
import { table } from "../../src/demo/report.js";
import { type SessionRecords, verifySession } from "../../src/demo/verify.js";
import { createTito } from "../../src/tito/create.js";
import { Encoder } from "../../src/tito/encoder.js";
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

/** How a family's engine answers: its words for the call and the end, each with the token it stops at. */
export interface ExampleFamily {
	titoModel: string;
	checkpointDir: string;
	call: string;
	answer: string;
	/** One turn more: what the agent says then, and what the engine answers. */
	more?: { message: { role: string; content: string }; answer: string };
}

export const NEWLINE_EXAMPLE: ExampleFamily = {
	titoModel: "qwen3",
	checkpointDir: TOY_CHECKPOINT,
	call: `${ANSWER}<|im_end|>`,
	answer: `${LAST}<|im_end|>`,
};

/** @param checkpointDir with GLM's tokens and a template in its manner */
export function trimmingExample(checkpointDir: string): ExampleFamily {
	return {
		titoModel: "glm47",
		checkpointDir,
		call: "run</think><tool_call>t{}</tool_call><|observation|>",
		answer: `done</think>${LAST}<|user|>`,
		more: { message: { role: "system", content: "Be brief." }, answer: `so</think>${LAST}<|user|>` },
	};
}

export async function workedExample(samplesThread: string, family: ExampleFamily): Promise<WorkedExample> {
	const { titoModel, checkpointDir, more } = family;
	const settings = { chatTemplateFile: null, chatTemplateKwargs: new Map(), titoModel };
	const tito = await createTito({ checkpointDir, ...settings });
	const encoder = new Encoder(join(checkpointDir, "tokenizer.json"));
	const sampled = async (text: string) => Array.from(await encoder.encode(text));
	const rig = await startRig({ titoModel, checkpointDir }, undefined, () => tito, undefined, samplesThread);
	try {
		await rig.control.script(
			{ ids: await sampled(family.call), message: CALL, finishReason: "tool_calls" },
			{ ids: await sampled(family.answer), text: LAST, finishReason: "stop" },
			...(more === undefined ? [] : [{ ids: await sampled(more.answer), text: LAST, finishReason: "stop" }]),
		);
		const id = await rig.create();
		const first = await rig.chat(id, { messages: [FIRST], tools: [TOOL] });
		const message = first.json.choices[0]?.message;
		const result = { role: "tool", tool_call_id: "call_1", content: "4 passed" };
		const second = await rig.chat(id, { messages: [FIRST, message, result], tools: [TOOL] });
		if (more !== undefined) {
			const messages = [FIRST, message, result, second.json.choices[0]?.message, more.message];
			await rig.chat(id, { messages, tools: [TOOL] });
		}
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
				Array.from({ length: more === undefined ? 2 : 3 }, () => ({
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
