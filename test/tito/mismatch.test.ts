import { describe, expect, it } from "vitest";
import { findMismatches, type Segmentation } from "../../src/tito/mismatch.js";

/** 1 begins a message, 2 ends it, 10 is "assistant", 11 is "user", 3 is a newline; the rest spells itself. */
const TEXTS: Record<number, string> = {
	1: "<s>",
	2: "<e>",
	3: "\n",
	10: "assistant",
	11: "user",
	20: "ab",
	21: "a",
	22: "b",
};
const SEGMENTS: Segmentation = {
	boundaries: new Set([1, 2, 4]),
	trailing: new Set([3]),
	assistantStart: "<s>assistant",
};
const decode = async (lists: readonly Int32Array[]) =>
	lists.map((ids) => Array.from(ids, (id) => TEXTS[id] ?? `<${id}>`).join(""));
const compare = (expected: number[], actual: number[], segmentation = SEGMENTS) =>
	findMismatches(Int32Array.from(expected), Int32Array.from(actual), segmentation, decode);

describe("stored ids and a canonical render", () => {
	it.each<[string, number[], number[]]>([
		["are equal", [1, 11, 5, 2], [1, 11, 5, 2]],
		["differ in a tail that does not count", [1, 10, 5, 2, 3], [1, 10, 5, 2]],
		["spell the same text in other ids", [1, 10, 20, 2], [1, 10, 21, 22, 2]],
		["are both empty", [], []],
	])("say the same when they %s", async (_, expected, actual) => {
		expect(await compare(expected, actual)).toEqual([]);
	});

	it("differ softly in an assistant's own text", async () => {
		expect(await compare([1, 10, 5, 2], [1, 10, 6, 2])).toEqual([
			{
				type: "assistant_text",
				segment_index: 1,
				expected_text: "assistant<5>",
				actual_text: "assistant<6>",
				detail: "",
			},
		]);
	});

	it("differ hard in any other text, and when only one side is the assistant's", async () => {
		expect(await compare([1, 11, 5, 2], [1, 11, 6, 2])).toMatchObject([{ type: "non_assistant_text" }]);
		expect(await compare([1, 10, 5, 2], [1, 11, 5, 2])).toMatchObject([{ type: "non_assistant_text" }]);
		const noStart = { ...SEGMENTS, assistantStart: null };
		expect(await compare([1, 10, 5, 2], [1, 10, 6, 2], noStart)).toMatchObject([
			{ type: "non_assistant_text" },
		]);
	});

	it("do not strip white space: it is a difference inside a text", async () => {
		expect(await compare([1, 11, 5, 3, 2], [1, 11, 5, 2])).toMatchObject([{ type: "non_assistant_text" }]);
	});

	it("differ in the kind of a boundary", async () => {
		expect(await compare([1, 11, 5, 2], [1, 11, 5, 4])).toEqual([
			{ type: "special_token_type", segment_index: 2, expected_text: "<e>", actual_text: "<4>", detail: "" },
		]);
	});

	it("differ in structure: one report for the whole, nothing else", async () => {
		expect(await compare([1, 11, 5, 2], [1, 11, 5])).toEqual([
			{
				type: "special_token_count",
				segment_index: -1,
				expected_text: "[<s>] (2 tokens) [<e>]",
				actual_text: "[<s>] (2 tokens)",
				detail: "segment count differs: expected 3, got 2",
			},
		]);
		expect(await compare([1, 11, 2], [1, 2, 11])).toMatchObject([
			{
				type: "special_token_count",
				segment_index: -1,
				detail: "segment pattern differs: first at segment 1",
			},
		]);
	});
});
