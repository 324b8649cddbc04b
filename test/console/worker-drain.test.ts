// What rollpin drain says of what it did.
import { expect, test } from "vitest";
import { drainText } from "../../src/console/worker-drain.js";

test.each([
	[
		{ worker: 1, drain: true, sessions: 12, taking: [0, 2] },
		"worker 1 gets no new sessions, its 12 sessions go on; new ones go to workers 0, 2",
	],
	[
		{ worker: 1, drain: true, sessions: null, taking: [0] },
		"worker 1 gets no new sessions, the sessions that it has go on; new ones go to worker 0",
	],
	[
		{ worker: 0, drain: true, sessions: 1, taking: [] },
		"worker 0 gets no new sessions, its 1 session goes on; no other worker takes any either: POST /sessions is 503 until rollpin undrain",
	],
	[
		{ worker: 0, drain: true, sessions: 0, taking: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
		"worker 0 gets no new sessions, its 0 sessions go on; new ones go to 9 other workers",
	],
	[{ worker: 0, drain: false, sessions: 1, taking: [0] }, "worker 0 gets new sessions again"],
])("%j", (result, text) => {
	expect(drainText(result)).toBe(text);
});
