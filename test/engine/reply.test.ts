// Owns the table of replies of status 200 that are refused, and of oddities that are accepted.
import { describe, expect, it } from "vitest";
import { ReplyScanner } from "../../src/engine/scan/reply-scanner.js";
import { readReply } from "../../src/engine/sglang/reply.js";
import { SGLANG_SITES } from "../../src/engine/sglang/sites.js";

interface Parts {
	message?: string;
	finish?: string;
	logprobs?: string;
	count?: string;
	/** The member of meta_info; null leaves it out. */
	promptTokens?: string | null;
	meta?: string;
	choice?: string;
	root?: string;
}

const MESSAGE = '{"role":"assistant","content":"hi","n":1.0}';

function source(parts: Parts = {}): string {
	const meta =
		`"output_token_logprobs":${parts.logprobs ?? '[[-0.0,5,null],[-1.5e-7,6,"x",{"y":[1]}]]'},` +
		`"completion_tokens":${parts.count ?? "2"}` +
		`${parts.promptTokens === null ? "" : `,"prompt_tokens":${parts.promptTokens ?? "3"}`}${parts.meta ?? ""}`;
	const choice =
		`{"message":${parts.message ?? MESSAGE},"finish_reason":${parts.finish ?? '"stop"'},` +
		`"meta_info":{${meta}}${parts.choice ?? ""}}`;
	return `{"id":"r-1","choices":[${choice}]${parts.root ?? ""}}`;
}

type Read = ReturnType<typeof readReply>;

function read(text: string): Read {
	const scanner = new ReplyScanner({ sites: SGLANG_SITES });
	scanner.push(Buffer.from(text));
	return readReply(scanner.end(), {
		vocabSize: 100,
		inputIdsText: [Buffer.from("1,2"), Buffer.from(",3")],
		inputIdsCount: 3,
	});
}

function putBack({ reply, excerpts }: Read): string {
	let text = "";
	let from = 0;
	for (const excerpt of excerpts) {
		text += reply.toString("utf8", from, excerpt.offset) + Buffer.concat([...excerpt.bytes]).toString();
		from = excerpt.offset;
	}
	return text + reply.toString("utf8", from);
}

describe("readReply", () => {
	it("leaves the prompt ids of another choice in the reply: nobody else knows them", () => {
		const other = '{"index":1,"prompt_token_ids":[9, 8],"meta_info":{"routed_experts":"QUJD"}}';
		const first = source({ choice: ',"prompt_token_ids":[1,2,3]' }).slice(0, -2);
		const generation = read(`${first},${other}]}`);
		expect(generation.excerpts.map(({ field, choice }) => [field, choice])).toEqual([
			["prompt_token_ids", 0],
			["routed_experts", 1],
		]);
		expect(generation.reply.toString()).toContain('"prompt_token_ids":[9, 8]');
		expect(putBack(generation)).toBe(`${first},${other}]}`);
	});

	it("reads ids, logprobs with the sign of zero, message, reason and id", () => {
		const generation = read(source());
		expect([...generation.completionIds]).toEqual([5, 6]);
		expect([...generation.logprobs]).toEqual([-0, -1.5e-7]);
		expect(Object.is(generation.logprobs[0], -0)).toBe(true);
		expect(generation).toMatchObject({ finishReason: "stop", responseId: "r-1" });
		const { start, end } = generation.messageRange;
		expect(generation.reply.toString("utf8", start, end)).toBe(MESSAGE);
		expect(generation.message.get("content")).toBe("hi");
	});

	it("reads thousands of entries, spaced or not", () => {
		const entries = Array.from({ length: 5000 }, (_, index) => [-(index + 1) / 7, index % 100, null]);
		const generation = read(source({ logprobs: JSON.stringify(entries, null, 1), count: "5000" }));
		expect([...generation.logprobs]).toEqual(entries.map(([logprob]) => logprob));
		expect([...generation.completionIds]).toEqual(entries.map(([, id]) => id));
	});

	it.each<[string, Parts]>([
		["a content that is a list of parts", { message: '{"role":"assistant","content":[]}' }],
		["an empty content", { message: '{"role":"assistant","content":""}' }],
		["a completion of no tokens", { logprobs: "[ ]", count: "0" }],
		["a finish_reason null", { finish: "null" }],
		["further choices", { root: ',"choices2":[]' }],
		["prompt ids as they were sent", { choice: ',"prompt_token_ids":[1,2,3]' }],
		["prompt ids with spaces", { choice: ',"prompt_token_ids":[ 1, 2,\n3 ]' }],
		["payloads that are null", { meta: ',"routed_experts":null,"indexer_topk":null' }],
	])("accepts %s", (_name, parts) => {
		expect(() => read(source(parts))).not.toThrow();
	});

	it.each<[string, string, RegExp]>([
		["a list", "[]", /not a JSON object/],
		["a string", '"x"', /not a JSON object/],
		["no choices", '{"id":"x"}', /choices is missing/],
		["choices null", '{"choices":null}', /choices is missing or not a list/],
		["choices an object", '{"choices":{"0":{}}}', /choices is missing or not a list/],
		["choices empty", '{"choices":[]}', /choices is empty/],
		["a choice that is no object", '{"choices":[1]}', /choices\[0\] is not an object/],
		["no meta_info", '{"choices":[{"message":{"content":"x"}}]}', /meta_info is missing/],
		[
			"meta_info null",
			'{"choices":[{"message":{"content":"x"},"meta_info":null}]}',
			/meta_info is missing or not/,
		],
		[
			"no logprobs",
			'{"choices":[{"message":{"content":"x"},"meta_info":{}}]}',
			/output_token_logprobs is missing/,
		],
		["a good second choice only", source().replace('"choices":[', '"choices":[{},'), /meta_info is missing/],
		["no message", source().replace('"message"', '"massage"'), /message is missing/],
		["message null", source({ message: "null" }), /message is not an object/],
		["message a string", source({ message: '"x"' }), /message is not an object/],
		["content null", source({ message: '{"content":null}' }), /content is missing or null/],
		["content missing", source({ message: "{}" }), /content is missing or null/],
		["content an object", source({ message: '{"content":{}}' }), /content is not a string/],
		["logprobs null", source({ logprobs: "null" }), /is not a list/],
		["logprobs an object", source({ logprobs: "{}" }), /is not a list/],
		["entries that are numbers", source({ logprobs: "[1,2]" }), /entry that is not a list at 0/],
		["an empty entry", source({ logprobs: "[[-1,5],[]]" }), /shorter than two at 1/],
		["an entry of one", source({ logprobs: "[[-1,5],[-1]]" }), /shorter than two at 1/],
		["a string id", source({ logprobs: '[[-1,5],[-1,"6"]]' }), /not an integer at 1/],
		["a bool id", source({ logprobs: "[[-1,true],[-1,6]]" }), /not an integer at 0/],
		["a null id", source({ logprobs: "[[-1,null],[-1,6]]" }), /not an integer at 0/],
		["a float id", source({ logprobs: "[[-1,5.0],[-1,6]]" }), /not an integer at 0/],
		["an id in exponent form", source({ logprobs: "[[-1,5e0],[-1,6]]" }), /not an integer at 0/],
		["a negative id", source({ logprobs: "[[-1,-5],[-1,6]]" }), /not an integer at 0/],
		["an id past the vocabulary", source({ logprobs: "[[-1,100],[-1,6]]" }), /outside the vocabulary/],
		[
			"an id past any integer",
			source({ logprobs: `[[-1,1${"0".repeat(400)}],[-1,6]]` }),
			/outside the vocabulary/,
		],
		["a null logprob", source({ logprobs: "[[null,5],[-1,6]]" }), /not a finite number at 0/],
		["a string logprob", source({ logprobs: '[["-1",5],[-1,6]]' }), /not a finite number at 0/],
		["a bool logprob", source({ logprobs: "[[false,5],[-1,6]]" }), /not a finite number at 0/],
		[
			"a logprob too large for a double",
			source({ logprobs: "[[-1e999,5],[-1,6]]" }),
			/not a finite number at 0/,
		],
		["completion_tokens too large", source({ count: "3" }), /completion_tokens is 3, but .* 2 entries/],
		["completion_tokens missing", source().replace("completion_tokens", "x"), /completion_tokens is missing/],
		["completion_tokens a bool", source({ count: "true" }), /completion_tokens is missing or not an integer/],
		["completion_tokens a float", source({ count: "2.0" }), /not an integer/],
		["completion_tokens a string", source({ count: '"2"' }), /not an integer/],
		["a finish_reason number", source({ finish: "1" }), /finish_reason/],
		["a finish_reason object", source({ finish: '{"type":"stop"}' }), /finish_reason/],
		[
			"prompt ids that are no list",
			source({ choice: ',"prompt_token_ids":"1,2,3"' }),
			/neither a list nor null/,
		],
		["two messages", source({ choice: `,"message":${MESSAGE}` }), /twice/],
	])("refuses %s", (_name, text, message) => {
		expect(() => read(text)).toThrow(message);
		try {
			read(text);
		} catch (error) {
			expect(error).toMatchObject({ name: "RollpinError", code: "upstream_invalid", status: 502 });
		}
	});
});

describe("the prompt that the engine says it ran", () => {
	it.each<[string, Parts]>([
		["the count, and no ids", {}],
		["the count, and ids null", { choice: ',"prompt_token_ids":null' }],
		["the count and the ids", { choice: ',"prompt_token_ids":[1,2,3]' }],
		["no count on an abort", { promptTokens: null, finish: '"abort"' }],
		["a count null on an abort", { promptTokens: "null", finish: '"abort"' }],
		["the count on an abort", { finish: '"abort"' }],
	])("may be told by %s", (_name, parts) => {
		expect(() => read(source(parts))).not.toThrow();
	});

	it.each<[string, Parts, RegExp]>([
		["a larger count", { promptTokens: "12" }, /prompt_tokens is 12, and 3 ids were sent/],
		["a smaller count", { promptTokens: "2" }, /prompt_tokens is 2,/],
		["a count of none", { promptTokens: "0" }, /prompt_tokens is 0,/],
		["another count on an abort", { promptTokens: "4", finish: '"abort"' }, /prompt_tokens is 4,/],
		["no count", { promptTokens: null }, /prompt_tokens is missing/],
		["no count, and a length", { promptTokens: null, finish: '"length"' }, /prompt_tokens is missing/],
		["no count, and no reason", { promptTokens: null, finish: "null" }, /prompt_tokens is missing/],
		["a count null", { promptTokens: "null" }, /prompt_tokens is missing/],
		["a count as text", { promptTokens: '"3"' }, /prompt_tokens is "3"/],
		["a count as a float", { promptTokens: "3.0" }, /prompt_tokens is 3.0/],
		["a count true", { promptTokens: "true" }, /prompt_tokens is true/],
		["ids, and no count", { promptTokens: null, choice: ',"prompt_token_ids":[1,2,3]' }, /is missing/],
		["ids, and another count", { promptTokens: "4", choice: ',"prompt_token_ids":[1,2,3]' }, /is 4/],
		["other ids", { choice: ',"prompt_token_ids":[1,2,4]' }, /not the input_ids/],
		[
			"other ids on an abort",
			{ choice: ',"prompt_token_ids":[1,2,4]', finish: '"abort"' },
			/not the input_ids/,
		],
		["fewer ids", { choice: ',"prompt_token_ids":[1,2]' }, /not the input_ids/],
		["no ids in the list", { choice: ',"prompt_token_ids":[]' }, /not the input_ids/],
		["ids joined by a space", { choice: ',"prompt_token_ids":[12, 3]' }, /not the input_ids/],
		["ids as strings", { choice: ',"prompt_token_ids":["1","2","3"]' }, /not the input_ids/],
	])("is refused for %s", (_name, parts, message) => {
		const failure = () => read(source(parts));
		expect(failure).toThrow(message);
		expect(failure).toThrow(
			expect.objectContaining({ code: "upstream_rendered_itself", status: 502, name: "RollpinError" }),
		);
		expect(failure).toThrow(
			/the engine did not use our input_ids: a gateway that drops them\? \(sglang-router 0\.3 does; smg passes them\)/,
		);
	});
});

describe("prompt_token_ids of a generation", () => {
	it("take the place of null, and what stands behind moves along", () => {
		const text = source().replace('{"message"', '{"prompt_token_ids": null ,"message"');
		const withPayload = text.replace('"meta_info":{', '"meta_info":{"indexer_topk":"QQ==",');
		const generation = read(withPayload);
		expect(generation.excerpts.map((excerpt) => excerpt.field)).toEqual(["prompt_token_ids", "indexer_topk"]);
		expect(putBack(generation)).toBe(withPayload.replace("null ,", "[1,2,3] ,"));
		const { start, end } = generation.messageRange;
		expect(generation.reply.toString("utf8", start, end)).toBe(MESSAGE);
	});

	it("stay as the engine spelled them", () => {
		const text = source({ choice: ',"prompt_token_ids":[ 1, 2, 3]' });
		expect(putBack(read(text))).toBe(text);
	});
});
