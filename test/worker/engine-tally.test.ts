// What the last minute says of an engine: failures count while they are young, and until it comes back from being away.
import { expect, test } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";
import { EngineTally, outcomeOfError, outcomeOfStatus } from "../../src/worker/engine-tally.js";

function rig() {
	const client = { url: "http://user:secret@engine:1/base/?x=1", unreachable: false };
	const metrics = createMetrics("worker");
	return { client, metrics, tally: new EngineTally(client) };
}

test.each([
	[200, "ok"],
	[204, "ok"],
	[301, "refused"],
	[429, "refused"],
	[500, "failed"],
	[503, "failed"],
])("an answer of status %i is %s", (status, outcome) => {
	expect(outcomeOfStatus(status)).toBe(outcome);
});

test.each([
	[new RollpinError("upstream_unreachable", ""), "unreachable"],
	[new RollpinError("upstream_timeout", ""), "timeout"],
	[new RollpinError("upstream_invalid", ""), "invalid"],
	[new RollpinError("upstream_rendered_itself", ""), "invalid"],
	[new RollpinError("upstream_breaker_open", ""), "breaker_open"],
	[new RollpinError("session_deleted", ""), "cancelled"],
	[new Error("the client left"), "cancelled"],
])("the error %s is %s", (error, outcome) => {
	expect(outcomeOfError(error)).toBe(outcome);
});

test("the last minute has what was answered in it, and no longer what is older", () => {
	const { metrics, tally } = rig();
	tally.count(metrics, "failed", 1_000);
	tally.count(metrics, "ok", 30_000);
	tally.count(metrics, "timeout", 59_000);
	expect(tally.lastMinute(59_000)).toEqual({ answers: 3, failures: 2 });
	expect(tally.lastMinute(62_000)).toEqual({ answers: 2, failures: 1 });
	expect(tally.lastMinute(200_000)).toEqual({ answers: 0, failures: 0 });
	tally.count(metrics, "ok", 200_001);
	expect(tally.lastMinute(200_002)).toEqual({ answers: 1, failures: 0 });
});

test("what was cancelled, or never sent, says nothing of the engine; all of it is counted", () => {
	const { metrics, tally } = rig();
	tally.count(metrics, "cancelled", 0);
	tally.count(metrics, "breaker_open", 0);
	expect(tally.lastMinute(0)).toEqual({ answers: 0, failures: 0 });
	expect(tally.up).toBeNull();
	const counted = [...metrics.engine_requests_total.cells()].map(([labels, { value }]) => [...labels, value]);
	expect(counted).toEqual([
		["http://engine:1/base", "cancelled", "", 1],
		["http://engine:1/base", "breaker_open", "", 1],
	]);
});

test("once it is back from being unreachable its absence counts no more", () => {
	const { client, metrics, tally } = rig();
	for (let failure = 0; failure < 5; failure++) tally.count(metrics, "unreachable", 0);
	client.unreachable = true;
	expect(tally.lastMinute(0)).toEqual({ answers: 5, failures: 5 });
	expect(tally.up).toBe(false);
	client.unreachable = false;
	expect(tally.lastMinute(0)).toEqual({ answers: 0, failures: 0 });
	tally.count(metrics, "ok", 0);
	expect([tally.up, tally.lastMinute(0)]).toEqual([true, { answers: 1, failures: 0 }]);
});
