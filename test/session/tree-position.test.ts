// Where a request attaches in a tree: the deepest match, and which of several equally deep ones.
import { describe, expect, it } from "vitest";
import type { TurnId } from "../../src/base/ids.js";
import { type Consumed, deepestMatch } from "../../src/session/place/tree-position.js";

/** Each turn covers two messages, by its answer's spelling; a turn that is not listed matches in part. */
function found(children: Array<[number | null, number[]]>, spelled: Record<number, "same" | "other">) {
	const consume = (turn: TurnId): Consumed | null => {
		const spelling = spelled[turn];
		return spelling === undefined ? null : { count: 2, exact: spelling === "same" };
	};
	return deepestMatch(new Map(children) as Map<TurnId | null, TurnId[]>, consume)?.turn ?? null;
}

describe("the turn that a request goes on from in tree mode", () => {
	it("is the answer that came back byte for byte, whether the sibling in another spelling is older or newer", () => {
		expect(found([[null, [0, 1]]], { 0: "same", 1: "other" })).toBe(0);
		expect(found([[null, [0, 1]]], { 0: "other", 1: "same" })).toBe(1);
	});

	it("is the newest of siblings that are equally near", () => {
		expect(found([[null, [0, 1]]], { 0: "same", 1: "same" })).toBe(1);
		expect(found([[null, [0, 1]]], { 0: "other", 1: "other" })).toBe(1);
	});

	it("is the deeper one, however its answers are spelled", () => {
		const children: Array<[number | null, number[]]> = [
			[null, [0, 1]],
			[0, [2]],
		];
		expect(found(children, { 0: "other", 1: "same", 2: "other" })).toBe(2);
	});

	it("counts exact answers over the whole path", () => {
		const children: Array<[number | null, number[]]> = [
			[null, [0, 1]],
			[0, [2]],
			[1, [3]],
		];
		expect(found(children, { 0: "same", 1: "other", 2: "same", 3: "same" })).toBe(2);
	});

	it("lies below no turn that matches in part", () => {
		const children: Array<[number | null, number[]]> = [
			[null, [0]],
			[0, [1]],
			[1, [2]],
		];
		expect(found(children, { 0: "same", 2: "same" })).toBe(0);
		expect(found(children, { 1: "same", 2: "same" })).toBeNull();
	});
});
