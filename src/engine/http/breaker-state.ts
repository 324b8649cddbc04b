// When an engine that cannot be reached is left alone, and when it is tried again. Pure.

export interface BreakerRules {
	/** Transport failures in a row that open it. */
	failures: number;
	firstBackoffMs: number;
	/** The backoff doubles with every failed probe, up to here. */
	maxBackoffMs: number;
}

export const BREAKER_RULES: BreakerRules = { failures: 5, firstBackoffMs: 1_000, maxBackoffMs: 30_000 };

export type BreakerState =
	| { readonly kind: "closed"; readonly failures: number }
	/** Everything is refused until `untilMs`; then one request is let through as the probe. */
	| { readonly kind: "open"; readonly untilMs: number; readonly backoffMs: number; readonly failures: number }
	| { readonly kind: "probing"; readonly backoffMs: number; readonly failures: number };

export const CLOSED: BreakerState = { kind: "closed", failures: 0 };

export type BreakerVerdict = { kind: "go"; probe: boolean } | { kind: "refuse"; retryAfterMs: number };

/**
 * success: the engine answered, whatever it said. failure: the transport failed. unknown: cancelled or timed out, which
 * says nothing of the way to the engine.
 */
export type BreakerOutcome = "success" | "failure" | "unknown";

/** A request asks to be sent. */
export function admit(state: BreakerState, nowMs: number): { state: BreakerState; verdict: BreakerVerdict } {
	switch (state.kind) {
		case "closed":
			return { state, verdict: { kind: "go", probe: false } };
		case "open": {
			if (nowMs < state.untilMs) {
				return { state, verdict: { kind: "refuse", retryAfterMs: state.untilMs - nowMs } };
			}
			const { backoffMs, failures } = state;
			return { state: { kind: "probing", backoffMs, failures }, verdict: { kind: "go", probe: true } };
		}
		case "probing":
			return { state, verdict: { kind: "refuse", retryAfterMs: state.backoffMs } };
	}
}

/**
 * A request that was let through has ended.
 * @param probe it was the probe; others were sent before the breaker opened
 */
export function settle(
	rules: BreakerRules,
	state: BreakerState,
	outcome: BreakerOutcome,
	probe: boolean,
	nowMs: number,
): BreakerState {
	if (outcome === "success") return CLOSED;
	if (state.kind === "closed") {
		if (outcome === "unknown") return state;
		const failures = state.failures + 1;
		if (failures < rules.failures) return { kind: "closed", failures };
		return open(nowMs, rules.firstBackoffMs, failures);
	}
	// What was sent before it opened tells nothing new; a late end of an older probe neither.
	if (state.kind !== "probing" || !probe) return state;
	// The place of the probe is free for the next request.
	if (outcome === "unknown") return { ...state, kind: "open", untilMs: nowMs };
	return open(nowMs, Math.min(state.backoffMs * 2, rules.maxBackoffMs), state.failures + 1);
}

function open(nowMs: number, backoffMs: number, failures: number): BreakerState {
	return { kind: "open", untilMs: nowMs + backoffMs, backoffMs, failures };
}
