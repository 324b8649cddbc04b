// When and how the simulated engine calls tools, and how it thinks.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/sim/engine/hash.js";
import { argumentsFor } from "../../src/sim/engine/tool-arguments.js";
import { loadVocabulary, type Vocabulary } from "../../src/sim/engine/vocabulary.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { chat, choiceOf, idsOf, TOY_CHECKPOINT } from "./client.js";

const TOOLS = [
	{ type: "function", function: { name: "list_files", parameters: { type: "object", properties: {} } } },
	{
		type: "function",
		function: {
			name: "read_file",
			parameters: {
				type: "object",
				properties: { path: { type: "string" }, lines: { type: "integer", minimum: 1, maximum: 5 } },
				required: ["path", "lines"],
			},
		},
	},
];

let engine: SimEngine;
let vocabulary: Vocabulary;

beforeAll(async () => {
	vocabulary = await loadVocabulary(TOY_CHECKPOINT, "");
	engine = await startSimEngine({ checkpointDir: TOY_CHECKPOINT });
});
afterAll(() => engine.close());

describe("tool calls", () => {
	it("carry their place in the answer as index, and the markup's ids", async () => {
		const seen = new Set<string>();
		let asSpelled = 0;
		for (let prompt = 1; prompt <= 20; prompt++) {
			const reply = await chat(engine, { input_ids: [prompt], tools: TOOLS });
			const { message, finish_reason } = choiceOf(reply);
			expect(finish_reason).toBe("tool_calls");
			expect(message.content).not.toBeNull();
			const call = message.tool_calls?.[0];
			expect(call?.type).toBe("function");
			const name = call?.function.name ?? "";
			seen.add(name);
			expect(call?.index).toBe(0);
			expect(call?.id).toMatch(/^call_[0-9a-f]{24}$/);
			const ids = idsOf(reply);
			expect(ids.at(-1)).toBe(vocabulary.endOfTurnId);
			const text = vocabulary.decode(ids.slice(0, -1));
			const sampled = text.match(/^(.*)<tool_call>\n\{"name": "(\w+)", "arguments": (.*)\}\n<\/tool_call>$/s);
			expect(sampled?.[1]?.trim()).toBe(message.content);
			expect(sampled?.[2]).toBe(name);
			const given = call?.function.arguments ?? "";
			expect(JSON.parse(sampled?.[3] ?? "")).toEqual(JSON.parse(given));
			if (sampled?.[3] === given) asSpelled++;
		}
		// One in four is sampled in another spelling than the parser's.
		expect(asSpelled).toBeGreaterThan(10);
		expect(asSpelled).toBeLessThan(20);
		expect(seen).toEqual(new Set(["list_files", "read_file"]));
	});

	it("come every n-th assistant turn, starting with the first", async () => {
		const reasons: string[] = [];
		const messages: unknown[] = [{ role: "user", content: "go" }];
		for (let turn = 0; turn < 4; turn++) {
			const reply = await chat(engine, { input_ids: [turn + 1], messages, tools: TOOLS });
			reasons.push(choiceOf(reply).finish_reason);
			messages.push({ role: "assistant", content: "" });
		}
		expect(reasons).toEqual(["tool_calls", "stop", "tool_calls", "stop"]);
	});

	it("are forced and forbidden by tool_choice", async () => {
		const messages = [{ role: "assistant", content: "" }];
		const named = { type: "function", function: { name: "list_files" } };
		for (const [choice, reason] of [
			["none", "stop"],
			["required", "tool_calls"],
			[named, "tool_calls"],
		]) {
			const reply = await chat(engine, { input_ids: [3], messages, tools: TOOLS, tool_choice: choice });
			expect(choiceOf(reply).finish_reason).toBe(reason);
			if (choice === named) expect(choiceOf(reply).message.tool_calls?.[0]?.function.name).toBe("list_files");
		}
	});

	it("are lost from the message when max_tokens cuts the markup, but not from the ids", async () => {
		const whole = vocabulary.decode(idsOf(await chat(engine, { input_ids: [3], tools: TOOLS })));
		const reply = await chat(engine, { input_ids: [3], tools: TOOLS, max_tokens: 12 });
		expect(choiceOf(reply).finish_reason).toBe("length");
		expect(choiceOf(reply).message).not.toHaveProperty("tool_calls");
		const text = vocabulary.decode(idsOf(reply));
		expect(whole.startsWith(text)).toBe(true);
		expect(text).toContain("<tool_call>\n");
		expect(choiceOf(reply).message.content).toBe(text.slice(0, text.indexOf("<tool_call>")).trim());
	});
});

describe("invented arguments", () => {
	const schema = {
		type: "object",
		$defs: { unit: { enum: ["m", "km"] } },
		properties: {
			kind: { enum: ["a", "b"] },
			count: { type: "integer", minimum: 3, maximum: 4 },
			share: { type: "number", exclusiveMinimum: 0, maximum: 1 },
			deep: { type: "object", properties: { on: { type: "boolean" } }, required: ["on"] },
			tags: { type: "array", items: { type: "string" }, minItems: 2 },
			unit: { $ref: "#/$defs/unit" },
			either: { anyOf: [{ type: "null" }, { type: "integer" }] },
		},
		required: ["kind", "count", "share", "deep", "tags", "unit", "either", "unlisted"],
	};

	it("fit the schema, whatever the seed", () => {
		for (let seed = 0; seed < 200; seed++) {
			const value = JSON.parse(argumentsFor(schema, new Random({ high: seed, low: 1 })));
			expect(["a", "b"]).toContain(value.kind);
			expect([3, 4]).toContain(value.count);
			expect(value.share).toBeGreaterThan(0);
			expect(value.share).toBeLessThanOrEqual(1);
			expect(typeof value.deep.on).toBe("boolean");
			expect(value.tags.length).toBeGreaterThanOrEqual(2);
			expect(value.tags.every((tag: unknown) => typeof tag === "string")).toBe(true);
			expect(["m", "km"]).toContain(value.unit);
			expect(value.either === null || Number.isInteger(value.either)).toBe(true);
			expect(value).toHaveProperty("unlisted");
		}
	});

	it("end even where the schema refers to itself", () => {
		const endless = {
			type: "object",
			properties: { child: { $ref: "#" }, all: { type: "array", items: { $ref: "#" } } },
		};
		for (let seed = 0; seed < 50; seed++) {
			expect(() => JSON.parse(argumentsFor(endless, new Random({ high: seed, low: 2 })))).not.toThrow();
		}
	});
});

describe("reasoning", () => {
	it("is off by default and comes apart from the content when on", async () => {
		const thinking = await startSimEngine({ checkpointDir: TOY_CHECKPOINT, reasoning: true });
		expect(choiceOf(await chat(engine, { input_ids: [3] })).message.reasoning_content).toBeNull();
		const reply = await chat(thinking, { input_ids: [3] });
		const { message } = choiceOf(reply);
		const text = vocabulary.decode(idsOf(reply).slice(0, -1));
		// SGLang's parser trims neither side.
		expect(text).toBe(`<think>${message.reasoning_content}</think>${message.content}`);
		expect(message.reasoning_content).toMatch(/^\n.*\n$/s);
		expect(message.content).toMatch(/^\n\n/);
		const closed = [...(await vocabulary.encode("<think>\n\n</think>\n\n"))];
		const none = await chat(thinking, { input_ids: closed });
		expect(choiceOf(none).message.reasoning_content).toBeNull();
		await thinking.close();
	});
});
