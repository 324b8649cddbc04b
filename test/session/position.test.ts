import { describe, expect, it } from "vitest";
import type { TurnId } from "../../src/base/ids.js";
import {
	type OnAlteredAnswer,
	positionLinear,
	rollbackLimitMessage,
} from "../../src/session/place/position.js";

const turn = (n: number) => n as TurnId;
// user, assistant(0), user, assistant(1), tool, tool, assistant(2)
const three = [
	{ turn: turn(0), messageEnd: 2 },
	{ turn: turn(1), messageEnd: 4 },
	{ turn: turn(2), messageEnd: 7 },
];
const one = [{ turn: turn(0), messageEnd: 2 }];

interface Case {
	matched: number;
	stored: number;
	sent: number;
	turns: typeof three;
	answersFollow?: boolean;
	otherSystem?: boolean;
}

function placed(given: Case, onAltered: OnAlteredAnswer = "refuse") {
	const { answersFollow = false, matched, otherSystem = false, sent, stored, turns } = given;
	return positionLinear(
		{
			matched,
			storedCount: stored,
			requestCount: sent,
			checkpoints: turns,
			answersFollow,
			sameSystem: () => !otherSystem,
		},
		onAltered,
	);
}

const retryOf2 = (retry: string) => ({ kind: "append", from: 1, matched: 4, discard: [2], retry });
const refused = (why: string, discardCount: number) => ({ kind: "refuse", why, discardCount });
const afresh = (retry: string | null, discard: number[] = []) => ({ kind: "fresh", discard, retry });

describe("where a request attaches in linear mode", () => {
	it.each<[string, Case, object]>([
		["an empty session takes anything", { matched: 0, stored: 0, sent: 3, turns: [] }, afresh(null)],
		[
			"a request that repeats everything extends",
			{ matched: 7, stored: 7, sent: 8, turns: three },
			{ kind: "append", from: 2, matched: 7, discard: [], retry: null },
		],
		[
			"one that ends in the stored answer asks for another",
			{ matched: 7, stored: 7, sent: 7, turns: three },
			{ kind: "append", from: 2, matched: 7, discard: [], retry: null },
		],
		[
			"the newest turn's messages once more",
			{ matched: 6, stored: 7, sent: 6, turns: three },
			retryOf2("retry"),
		],
		["a changed tool result", { matched: 5, stored: 7, sent: 6, turns: three }, retryOf2("reworded")],
		[
			"fewer messages than the turn had",
			{ matched: 5, stored: 7, sent: 5, turns: three },
			retryOf2("reworded"),
		],
		[
			"the answer before, and nothing more",
			{ matched: 4, stored: 7, sent: 4, turns: three },
			retryOf2("reworded"),
		],
		[
			"a message in the answer's place",
			{ matched: 6, stored: 7, sent: 7, turns: three },
			retryOf2("reworded"),
		],
		["two turns back", { matched: 3, stored: 7, sent: 3, turns: three }, refused("too_far", 2)],
		[
			"another opening beside several turns",
			{ matched: 0, stored: 7, sent: 1, turns: three },
			refused("too_far", 3),
		],
		[
			"another opening with another system message beside several turns",
			{ matched: 0, stored: 7, sent: 2, turns: three, otherSystem: true },
			refused("too_far", 3),
		],
		[
			"an altered newest answer with more behind it",
			{ matched: 6, stored: 7, sent: 8, turns: three, answersFollow: true },
			refused("edit", 1),
		],
		[
			"an altered newest answer with nothing behind it",
			{ matched: 6, stored: 7, sent: 7, turns: three, answersFollow: true },
			refused("edit", 1),
		],
		[
			"a changed first message with its answers behind it",
			{ matched: 0, stored: 7, sent: 8, turns: three, answersFollow: true },
			refused("edit", 3),
		],
		["the first turn once more", { matched: 1, stored: 2, sent: 1, turns: one }, afresh("retry", [0])],
		["another opening of one turn", { matched: 0, stored: 2, sent: 1, turns: one }, afresh("reworded", [0])],
		[
			"another system message beside one turn",
			{ matched: 0, stored: 2, sent: 2, turns: one, otherSystem: true },
			refused("other", 1),
		],
	])("%s", (_title, given, expected) => {
		expect(placed(given)).toEqual(expected);
	});

	it.each<[string, Case, object]>([
		[
			"an altered newest answer takes its turn's place",
			{ matched: 6, stored: 7, sent: 8, turns: three, answersFollow: true },
			retryOf2("replaced"),
		],
		[
			"another system message beside one turn starts afresh",
			{ matched: 0, stored: 2, sent: 2, turns: one, otherSystem: true },
			afresh("reworded", [0]),
		],
		[
			"an older answer altered is refused all the same",
			{ matched: 3, stored: 7, sent: 8, turns: three, answersFollow: true },
			refused("edit", 2),
		],
		["two turns back", { matched: 3, stored: 7, sent: 3, turns: three }, refused("too_far", 2)],
		["a retry", { matched: 6, stored: 7, sent: 6, turns: three }, retryOf2("retry")],
	])("with --on-altered-answer replace: %s", (_title, given, expected) => {
		expect(placed(given, "replace")).toEqual(expected);
	});

	/** The documented outcome by the number of turns at stake, of one, two and three turns of two messages each. */
	const outcomes = [1, 2, 3].flatMap((turns) =>
		Array.from({ length: 2 * turns }, (_, matched) => matched).flatMap((matched) =>
			[false, true].flatMap((answersFollow) =>
				[false, true].map((otherSystem) => ({ turns, matched, answersFollow, otherSystem })),
			),
		),
	);

	it.each(outcomes)(
		"$turns turns, $matched messages the same, answers behind: $answersFollow, other system: $otherSystem",
		(given) => {
			const { answersFollow, matched, otherSystem, turns } = given;
			const checkpoints = Array.from({ length: turns }, (_, at) => ({
				turn: turn(at),
				messageEnd: 2 * at + 2,
			}));
			const kept = Math.floor(matched / 2);
			const lost = turns - kept;
			const of = { ...given, stored: 2 * turns, sent: 2 * turns + 1, turns: checkpoints };
			if (answersFollow) expect(placed(of)).toEqual(refused("edit", lost));
			else if (lost > 1) expect(placed(of)).toEqual(refused("too_far", lost));
			else if (kept === 0)
				expect(placed(of)).toEqual(otherSystem ? refused("other", 1) : afresh("reworded", [0]));
			else
				expect(placed(of)).toEqual({
					kind: "append",
					from: turns - 2,
					matched: 2 * kept,
					discard: [turns - 1],
					retry: "reworded",
				});
		},
	);

	it("words the refusal as clients of the reference server expect it", () => {
		expect(rollbackLimitMessage(2, 7, 4)).toBe(
			"rollback failed: discard_count=2 exceeds max_assistant_rollback_steps=1 (stored has 7 messages, request has 4 messages)",
		);
	});
});
