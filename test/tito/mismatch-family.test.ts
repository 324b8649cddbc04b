// The mismatch report over a real tokenizer and its family: a faithful session is clean, and each kind of damage shows.
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/json/value.js";
import { createTito } from "../../src/tito/create.js";
import { findMismatches } from "../../src/tito/mismatch.js";
import type { Tito } from "../../src/tito/tito.js";
import { continued } from "./continued.js";
import { json, list, object, sharedDir } from "./shared.js";

const USER = object(json('{"role":"user","content":"What is the weather in Graz?"}'));
const CALL = object(
	json(
		'{"role":"assistant","content":"","reasoning_content":"I look it up.","tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\\"city\\": \\"Graz\\"}"}}]}',
	),
);
const RESULT = object(json('{"role":"tool","tool_call_id":"c1","content":"sunny, 21 °C"}'));
const TOOLS = list(
	json('[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{}}}}]'),
);

describe("the report over Qwen3's tokenizer", () => {
	let tito: Tito;
	beforeAll(async () => {
		tito = await createTito({
			checkpointDir: join(sharedDir, "checkpoints", "qwen3"),
			chatTemplateFile: null,
			chatTemplateKwargs: new Map(),
			titoModel: "qwen3",
		});
	});

	/** A two-turn session: what the engine sampled is given as ids. */
	async function session(sampledCall: string): Promise<{ stored: Int32Array; messages: JsonObject[] }> {
		const kwargs = tito.effectiveKwargs(undefined);
		const sampled = async (text: string) =>
			tito.encodePrompt({
				messages: [object(json(JSON.stringify({ role: "user", content: text })))],
				tools: [],
				kwargs,
			});
		const only = async (text: string) => {
			const empty = await sampled("");
			const whole = await sampled(text);
			// Between the user's header and the end of its message stands the text alone.
			const head = commonPrefix(empty, whole);
			const tail = empty.length - head;
			return [...whole.slice(head, whole.length - tail)];
		};
		const end = (await sampled("")).find((id) => tito.joinBoundary(id).insert.length > 0) as number;
		const prompt = await tito.encodePrompt({ messages: [USER], tools: TOOLS, kwargs });
		const first = Int32Array.from([...prompt, ...(await only(sampledCall)), end]);
		const next = await continued(tito, first, {
			lastAssistant: CALL,
			appended: [RESULT],
			tools: TOOLS,
			kwargs,
		});
		const stored = Int32Array.from([...next, ...(await only("<think>\nDone.\n</think>\n\nSunny.")), end]);
		const answer = object(json('{"role":"assistant","content":"Sunny.","reasoning_content":"Done."}'));
		return { stored, messages: [USER, CALL, RESULT, answer] };
	}

	const CALLED =
		'<think>\nI look it up.\n</think>\n\n<tool_call>\n{"name": "weather", "arguments": {"city": "Graz"}}\n</tool_call>';

	async function report(sampledCall: string) {
		const { stored, messages } = await session(sampledCall);
		const kwargs = tito.effectiveKwargs(undefined);
		const expected = await tito.encodeConversation({ messages, tools: TOOLS, kwargs });
		return findMismatches(expected, stored, tito.segmentation, (lists) => tito.decodeMany(lists));
	}

	it("is empty when the engine's text is what the template makes of its message", async () => {
		expect(await report(CALLED)).toEqual([]);
	});

	it("is soft when the engine spelled its own call otherwise", async () => {
		const found = await report(CALLED.replace('{"city": "Graz"}', '{"city":"Graz"}'));
		expect(found.map(({ type }) => type)).toEqual(["assistant_text"]);
		expect(found[0]?.actual_text).toContain('{"city":"Graz"}');
	});

	it("is hard when a message ends in the midst of it", async () => {
		const found = await report(`${CALLED}<|im_end|>\n`);
		expect(found).toMatchObject([{ type: "special_token_count", segment_index: -1 }]);
	});
});

function commonPrefix(a: Int32Array, b: Int32Array): number {
	let length = 0;
	while (length < a.length && a[length] === b[length]) length++;
	return length;
}
