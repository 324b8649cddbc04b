// The streamed form of a finished reply: what clients that read chunk by chunk make of it.
import { describe, expect, test } from "vitest";
import { parseJson } from "../../../src/json/parse.js";
import type { JsonObject } from "../../../src/json/value.js";
import { Answer } from "../../../src/wire/answer.js";
import { sseBody } from "../../../src/wire/openai-chat/sse.js";

interface Chunk {
	id: string;
	choices: Array<{ delta: Record<string, unknown>; finish_reason: string | null }>;
	usage?: unknown;
}

function chunksOf(message: object): Chunk[] {
	const reply = { id: "r", created: 1, model: "m", choices: [], usage: { total_tokens: 3 } };
	const parsed = parseJson(Buffer.from(JSON.stringify(message))) as JsonObject;
	const blocks = sseBody(new Answer(Buffer.from(JSON.stringify(reply)), parsed, "stop"), {
		logprobs: false,
		usageChunk: false,
	})
		.trimEnd()
		.split("\n\n");
	expect(blocks.pop()).toBe("data: [DONE]");
	return blocks.map((block) => JSON.parse(block.slice("data: ".length)) as Chunk);
}

const CALL = { id: "call_1", index: 4, type: "function", function: { name: "f", arguments: "{}" } };
const SENT = { ...CALL, index: 0 };

describe("a streamed reply", () => {
	test.each<[string, object, object[]]>([
		["text", { role: "assistant", content: "hi" }, [{ role: "assistant", content: "hi" }]],
		[
			"calls",
			{ role: "assistant", content: null, tool_calls: [CALL] },
			[{ role: "assistant", content: null, tool_calls: [SENT] }],
		],
		[
			"text and calls",
			{ role: "assistant", content: "I look.", tool_calls: [CALL] },
			[{ role: "assistant", content: "I look." }, { tool_calls: [SENT] }],
		],
		[
			"reasoning, text and calls",
			{ role: "assistant", content: "I look.", reasoning_content: "hm", tool_calls: [CALL] },
			[
				{ role: "assistant", content: null, reasoning_content: "hm" },
				{ content: "I look." },
				{ tool_calls: [SENT] },
			],
		],
		[
			"reasoning and no text",
			{ role: "assistant", content: "", reasoning_content: "hm", tool_calls: null },
			[{ role: "assistant", content: "", reasoning_content: "hm" }],
		],
		["nothing", { role: "assistant", content: "" }, [{ role: "assistant", content: "" }]],
	])("has %s in chunks of one kind each, the role in the first", (_name, message, deltas) => {
		expect(chunksOf(message).map(({ choices }) => choices[0]?.delta)).toEqual(deltas);
	});

	test("ends once: finish reason and usage are in the last chunk alone", () => {
		const chunks = chunksOf({ role: "assistant", content: "I look.", tool_calls: [CALL] });
		expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([null, "stop"]);
		expect(chunks.map(({ usage }) => usage)).toEqual([undefined, { total_tokens: 3 }]);
		expect(chunks.map(({ id }) => id)).toEqual(["r", "r"]);
	});
});
