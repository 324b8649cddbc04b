// The breaker's decisions as a table: what happens, when, and what the next request is told.
import { describe, expect, test } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { outcomeOf } from "../../src/engine/http/breaker.js";
import {
	admit,
	type BreakerOutcome,
	type BreakerState,
	CLOSED,
	settle,
} from "../../src/engine/http/breaker-state.js";

const RULES = { failures: 3, firstBackoffMs: 1_000, maxBackoffMs: 4_000 };

/** `ok`, `fail`, `?` end a request that was let through before; `ask` asks; numbers move the clock. */
type Step = number | "ask" | "ok" | "fail" | "?" | "probe ok" | "probe fail" | "probe ?";

function play(steps: readonly Step[]): { state: BreakerState; answers: string[] } {
	let state = CLOSED;
	let nowMs = 0;
	const answers: string[] = [];
	for (const step of steps) {
		if (typeof step === "number") {
			nowMs += step;
			continue;
		}
		if (step === "ask") {
			const asked = admit(state, nowMs);
			state = asked.state;
			const { verdict } = asked;
			answers.push(
				verdict.kind === "refuse" ? `refuse ${verdict.retryAfterMs}` : verdict.probe ? "probe" : "go",
			);
			continue;
		}
		const word = step.replace("probe ", "");
		const outcome: BreakerOutcome = word === "ok" ? "success" : word === "fail" ? "failure" : "unknown";
		state = settle(RULES, state, outcome, step.startsWith("probe"), nowMs);
	}
	return { state, answers };
}

const OPEN: Step[] = ["fail", "fail", "fail"];

describe("the breaker", () => {
	test.each<[string, Step[], string[]]>([
		["lets everything through at first", ["ask"], ["go"]],
		["stays closed below the limit", ["fail", "fail", "ask"], ["go"]],
		["opens at the limit", [...OPEN, "ask"], ["refuse 1000"]],
		["counts failures in a row only", ["fail", "fail", "ok", "fail", "fail", "ask"], ["go"]],
		[
			"does not count cancellations, nor forgets failures for them",
			["fail", "fail", "?", "?", "fail", "ask"],
			["refuse 1000"],
		],
		["says how long it stays open", [...OPEN, 400, "ask"], ["refuse 600"]],
		[
			"lets one probe through after the backoff",
			[...OPEN, 1_000, "ask", "ask", "ask"],
			["probe", "refuse 1000", "refuse 1000"],
		],
		[
			"closes with one success of the probe",
			[...OPEN, 1_000, "ask", "probe ok", "ask", "ask"],
			["probe", "go", "go"],
		],
		[
			"doubles the backoff when the probe fails",
			[...OPEN, 1_000, "ask", "probe fail", "ask"],
			["probe", "refuse 2000"],
		],
		[
			"doubles up to the bound",
			[...OPEN, 1_000, "ask", "probe fail", 2_000, "ask", "probe fail", 4_000, "ask", "probe fail", "ask"],
			["probe", "probe", "probe", "refuse 4000"],
		],
		[
			"gives the next request the place of a cancelled probe",
			[...OPEN, 1_000, "ask", "probe ?", "ask"],
			["probe", "probe"],
		],
		[
			"does not take late failures of older requests for the probe's",
			[...OPEN, 1_000, "ask", "fail", "ask", "probe ok", "ask"],
			["probe", "refuse 1000", "go"],
		],
		["does not grow for late failures while it is open", [...OPEN, "fail", "fail", "ask"], ["refuse 1000"]],
		["closes with a late success of an older request", [...OPEN, "ok", "ask"], ["go"]],
		[
			"begins with the first backoff again after a success",
			[...OPEN, 1_000, "ask", "probe fail", 2_000, "ask", "probe ok", ...OPEN, "ask"],
			["probe", "probe", "refuse 1000"],
		],
	])("%s", (_title, steps, expected) => {
		expect(play(steps).answers).toEqual(expected);
	});
});

test.each<[string, unknown, BreakerOutcome]>([
	["a refused or broken connection", new RollpinError("upstream_unreachable", "x"), "failure"],
	["an answer that is not usable", new RollpinError("upstream_invalid", "x"), "success"],
	["an answer to another prompt", new RollpinError("upstream_rendered_itself", "x"), "success"],
	["a reply that takes too long", new RollpinError("upstream_timeout", "x"), "unknown"],
	["a deleted session", new RollpinError("session_closed", "x"), "unknown"],
	["a client that left", new Error("gone"), "unknown"],
])("%s counts as it should", (_title, error, outcome) => {
	expect(outcomeOf(error)).toBe(outcome);
});
