import { describe, expect, it } from "vitest";
import type { TurnId } from "../../src/base/ids.js";
import { positionLinear, rollbackLimitMessage } from "../../src/session/position.js";

const turn = (n: number) => n as TurnId;
// user, assistant(0), user, assistant(1), tool, tool, assistant(2)
const three = [
	{ turn: turn(0), messageEnd: 2 },
	{ turn: turn(1), messageEnd: 4 },
	{ turn: turn(2), messageEnd: 7 },
];
const one = [{ turn: turn(0), messageEnd: 2 }];

describe("where a request attaches in linear mode", () => {
	it.each([
		["an empty session takes anything", 0, 0, [], { kind: "fresh", discard: [] }],
		[
			"a request that repeats everything extends",
			7,
			7,
			three,
			{ kind: "append", from: 2, matched: 7, discard: [] },
		],
		[
			"a retry of the newest turn discards it",
			6,
			7,
			three,
			{ kind: "append", from: 1, matched: 4, discard: [2] },
		],
		[
			"a changed tool result discards the newest turn",
			5,
			7,
			three,
			{ kind: "append", from: 1, matched: 4, discard: [2] },
		],
		[
			"a match that ends at the checkpoint keeps it",
			4,
			7,
			three,
			{ kind: "append", from: 1, matched: 4, discard: [2] },
		],
		["two turns back is refused", 3, 7, three, { kind: "refuse", discardCount: 2 }],
		[
			"another opening is refused when several turns are stored",
			0,
			7,
			three,
			{ kind: "refuse", discardCount: 3 },
		],
		["a retry of the only turn starts afresh", 1, 2, one, { kind: "fresh", discard: [0] }],
		["another opening starts afresh when one turn is stored", 0, 2, one, { kind: "fresh", discard: [0] }],
	])("%s", (_title, matched, stored, checkpoints, expected) => {
		expect(positionLinear(matched, stored, checkpoints)).toEqual(expected);
	});

	it("words the refusal as clients of the reference server expect it", () => {
		expect(rollbackLimitMessage(2, 7, 4)).toBe(
			"rollback failed: discard_count=2 exceeds max_assistant_rollback_steps=1 (stored has 7 messages, request has 4 messages)",
		);
	});
});
