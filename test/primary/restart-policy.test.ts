// The restart policy as tables: what follows which series of ends.
import { describe, expect, test } from "vitest";
import { checkLiveness } from "../../src/primary/liveness.js";
import {
	decideRestart,
	FRESH_RESTART_STATE,
	type RestartDecision,
	type RestartRules,
	ROUTER_RULES,
	WORKER_RULES,
} from "../../src/primary/restart-policy.js";

type End = [nowMs: number, readyForMs: number | null, planned?: boolean];

function play(rules: RestartRules, ends: readonly End[]): RestartDecision[] {
	let state = FRESH_RESTART_STATE;
	return ends.map(([nowMs, readyForMs, planned = false]) => {
		const next = decideRestart(rules, state, { nowMs, readyForMs, planned });
		state = next.state;
		return next.decision;
	});
}
const delays = (decisions: readonly RestartDecision[]): Array<number | string> =>
	decisions.map((decision) => (decision.kind === "respawn" ? decision.delayMs : decision.kind));

describe("a worker", () => {
	test.each<[string, End[], Array<number | string>]>([
		["comes back after 100 ms", [[0, null]], [100]],
		[
			"doubles its delay with every crash in a row within 5 s of ready, up to 15 s",
			Array.from({ length: 10 }, (_, i): End => [i * 20_000, 4_999]),
			[100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000],
		],
		[
			"begins at 100 ms again when it was ready for 5 s",
			[
				[0, 5],
				[20_000, 4_999],
				[60_000, 5_000],
				[61_000, 5],
			],
			[100, 200, 100, 200],
		],
		[
			"is back after 100 ms as often as it is killed every nine seconds",
			Array.from({ length: 12 }, (_, i): End => [i * 9_000, 7_000]),
			Array.from({ length: 12 }, () => 100),
		],
		[
			"is quarantined at the fifth crash in 30 s, also when it was ready for 5 s each time",
			Array.from({ length: 5 }, (_, i): End => [i * 7_000, 5_500]),
			[100, 100, 100, 100, "quarantine"],
		],
		[
			"is quarantined at the fifth crash in 30 s",
			[
				[0, 1],
				[5_000, 1],
				[10_000, 1],
				[15_000, 1],
				[29_999, 1],
			],
			[100, 200, 400, 800, "quarantine"],
		],
		[
			"is not, when the first of five is 30 s old",
			[
				[0, 1],
				[5_000, 1],
				[10_000, 1],
				[15_000, 1],
				[30_000, 1],
			],
			[100, 200, 400, 800, 1600],
		],
		[
			"that never gets ready is quarantined at its fifth start, however long each takes",
			Array.from({ length: 5 }, (_, i): End => [i * 125_000, null]),
			[100, 200, 400, 800, "quarantine"],
		],
		[
			"that got ready once between starts that failed is not",
			Array.from({ length: 7 }, (_, i): End => [i * 125_000, i === 3 ? 6_000 : null]),
			[100, 200, 400, 100, 200, 400, 800],
		],
		[
			"is back at once after a planned end, which counts as no crash",
			[
				[0, 1, true],
				[1, 1, true],
				[2, 1, true],
				[3, 1, true],
				[4, 1, true],
				[5, 1],
			],
			[0, 0, 0, 0, 0, 100],
		],
		[
			"that crashes on its one try after a quarantine is quarantined again",
			[
				[0, 1],
				[1, 1],
				[2, 1],
				[3, 1],
				[4, 1],
				[60_010, 5_000],
			],
			[100, 200, 400, 800, "quarantine", "quarantine"],
		],
		[
			"that was healthy after a quarantine starts afresh",
			[
				[0, 1],
				[1, 1],
				[2, 1],
				[3, 1],
				[4, 1],
				[95_000, 30_000],
				[95_200, 1],
			],
			[100, 200, 400, 800, "quarantine", 100, 200],
		],
	])("%s", (_what, ends, expected) => {
		expect(delays(play(WORKER_RULES, ends))).toEqual(expected);
	});

	test("in quarantine is tried again after a minute, and the crashes are counted", () => {
		expect(
			play(WORKER_RULES, [
				[0, 1],
				[1, 1],
				[2, 1],
				[3, 1],
				[4, 1],
			]).at(-1),
		).toEqual({
			kind: "quarantine",
			crashes: 5,
			retryAfterMs: 60_000,
		});
	});
});

test("the router is back at once, then waits up to a second, and ten crashes in 30 s are too many", () => {
	const ends = Array.from({ length: 10 }, (_, i): End => [i * 1_000, 500]);
	expect(delays(play(ROUTER_RULES, ends))).toEqual([
		0,
		200,
		400,
		800,
		1000,
		1000,
		1000,
		1000,
		1000,
		"quarantine",
	]);
});

describe("liveness", () => {
	test.each([
		["a child heard of a second ago lives", { heardMs: 0, checkedMs: 0 }, 1_000, false],
		["a child silent for 9.9 s lives", { heardMs: 0, checkedMs: 9_000 }, 9_900, false],
		["a child silent for 10 s is killed", { heardMs: 0, checkedMs: 9_000 }, 10_000, true],
		["nobody is killed because the primary itself slept", { heardMs: 0, checkedMs: 1_000 }, 61_000, false],
	])("%s", (_what, state, nowMs, kill) => {
		expect(checkLiveness(state, nowMs, true).kill).toBe(kill);
	});

	test("a child that still starts is not killed for its silence", () => {
		expect(checkLiveness({ heardMs: 0, checkedMs: 59_000 }, 60_000, false).kill).toBe(false);
	});

	test("silence before the primary's own sleep still counts", () => {
		const woken = checkLiveness({ heardMs: 0, checkedMs: 8_000 }, 68_000, true);
		expect(woken).toMatchObject({ kill: false, silentMs: 8_000 });
		expect(checkLiveness(checkLiveness(woken.state, 69_000, true).state, 70_000, true).kill).toBe(true);
	});
});
