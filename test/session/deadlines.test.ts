import { describe, expect, it } from "vitest";
import { nextDue } from "../../src/session/life/deadlines.js";

describe("when a session is due", () => {
	it.each([
		[
			"the lifetime, with the idle limit off",
			{ deadlineMs: 9000, lastUsedMs: 0, inflight: 0 },
			0,
			9000,
			"ttl",
		],
		[
			"the idle limit, when it comes first",
			{ deadlineMs: 9000, lastUsedMs: 1000, inflight: 0 },
			2,
			3000,
			"idle",
		],
		[
			"the lifetime, when it comes first",
			{ deadlineMs: 2500, lastUsedMs: 1000, inflight: 0 },
			2,
			2500,
			"ttl",
		],
		[
			"the lifetime, while a request runs",
			{ deadlineMs: 9000, lastUsedMs: 1000, inflight: 1 },
			2,
			9000,
			"ttl",
		],
	])("is %s", (_title, facts, idleTtlS, atMs, reason) => {
		expect(nextDue(facts, idleTtlS)).toEqual({ atMs, reason });
	});
});
