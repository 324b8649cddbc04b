// The table of sessions: what a session's state is called, what is left out, and which workers are missing.
import { expect, test } from "vitest";
import { type SessionRow, sessionTable, stateText } from "../../src/console/session-list.js";

const row = (more: Partial<SessionRow> = {}): SessionRow => ({
	session_id: "a".repeat(32),
	worker: 1,
	turns: 3,
	tokens: 1204,
	created_at: 1000,
	expires_at: 5000,
	in_flight: 0,
	running: 0,
	running_since: null,
	...more,
});

test.each([
	[0, 0, "idle"],
	[1, 1, "running"],
	[3, 1, "running, 2 queued"],
	[2, 2, "2 running"],
	[5, 2, "2 running, 3 queued"],
	[1, 0, "queued"],
])("%i in flight, %i of them running: %s", (in_flight, running, text) => {
	expect(stateText({ in_flight, running })).toBe(text);
});

test("each session is a line with its age, how long it runs, and the time it has left", () => {
	const list = {
		sessions: [row({ in_flight: 1, running: 1, running_since: 1900 }), row({ session_id: "mine" })],
		matched: 2,
		missing: [],
	};
	expect(sessionTable(list, 2000).split("\n")).toEqual([
		"session                           worker  state    turns  tokens  age      runs for  ends in",
		`${"a".repeat(32)}       1  running      3    1204  16m 40s  1m 40s    50m 0s`,
		"mine                                   1  idle         3    1204  16m 40s            50m 0s",
		"",
		"2 sessions",
	]);
});

test("what is not shown is counted, and workers that are not up are named", () => {
	const text = sessionTable({ sessions: [row()], matched: 10_000, missing: [0, 2] }, 2000);
	expect(text).toContain("\n1 of 10000 sessions (--limit)\n");
	expect(text).toMatch(
		/\nNOT IN THIS LIST: the sessions of workers 0, 2, which are not up; see rollpin top$/,
	);
	expect(sessionTable({ sessions: [], matched: 0, missing: [] }, 0)).toBe("0 sessions");
});
