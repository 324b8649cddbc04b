// When the medium is waited for by the event loop, and when no longer: a table over how long calls took, and why.
import { expect, it } from "vitest";
import { MediumSpeed } from "../../src/store/files/medium-speed.js";

/** How long a call took, the pause after it, and how often others were given the processor meanwhile. */
type Call = readonly [tookMs: number, pauseMs: number, preemptions?: number];

/** Calls one after the other; gives of each whether the loop waited for it. */
function waited(calls: readonly Call[]): boolean[] {
	let nowMs = 0;
	let preempted = 7;
	const speed = new MediumSpeed(
		() => nowMs,
		() => preempted,
	);
	return calls.map(([tookMs, pauseMs, preemptions = 0]) => {
		const beganMs = speed.begin();
		nowMs += tookMs;
		preempted += preemptions;
		if (beganMs !== null) speed.end(beganMs);
		nowMs += pauseMs;
		return beganMs !== null;
	});
}

it.each([
	[
		"fast ones",
		[
			[0.01, 0],
			[4.9, 0],
			[0.01, 0],
		],
		[true, true, true],
	],
	[
		"a slow one",
		[
			[6, 0],
			[0.01, 990],
			[0.01, 20],
			[0.01, 0],
		],
		[true, false, false, true],
	],
	[
		"a slow one while others had the processor",
		[
			[300, 0, 1],
			[0.01, 0],
		],
		[true, true],
	],
	[
		"a slow one long after others had it",
		[
			[0.01, 0, 3],
			[6, 0],
			[0.01, 0],
			[6, 0],
			[0.01, 0],
		],
		[true, true, true, true, false],
	],
	[
		"two slow ones, whoever had it",
		[
			[6, 0, 1],
			[6, 0, 1],
			[0.01, 0],
		],
		[true, true, false],
	],
	[
		"slow ones with fast ones between",
		[
			[6, 0, 1],
			[0.01, 0],
			[6, 0, 1],
			[0.01, 0],
		],
		[true, true, true, true],
	],
] as Array<[string, Call[], boolean[]]>)("after %s", (_what, calls, expected) => {
	expect(waited(calls)).toEqual(expected);
});
