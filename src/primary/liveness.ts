// Decides whether a child that answers no pings is to be killed. Pure; the slot owns timer and signal.

export interface LivenessState {
	/** Last moment the child was heard of. */
	readonly heardMs: number;
	/** Last time this check ran. */
	readonly checkedMs: number;
}

/** Time between two pings. */
export const PING_INTERVAL_MS = 1_000;
/** A ready child that is silent for this long is killed (docs/faults.md: a stopped worker). */
const SILENCE_LIMIT_MS = 10_000;
/** A check that is this late says that the primary itself slept: nobody could have been heard meanwhile. */
const LATE_CHECK_MS = 3 * PING_INTERVAL_MS;

/**
 * @param ready a child that still starts is not killed for its silence: loading a tokenizer may block it for longer than
 * the limit on a busy machine, and the start has a limit of its own
 */
export function checkLiveness(
	state: LivenessState,
	nowMs: number,
	ready: boolean,
): { state: LivenessState; kill: boolean; silentMs: number } {
	const gapMs = nowMs - state.checkedMs;
	const heardMs = gapMs > LATE_CHECK_MS ? state.heardMs + gapMs : state.heardMs;
	const silentMs = Math.max(0, nowMs - heardMs);
	return { state: { heardMs, checkedMs: nowMs }, kill: ready && silentMs >= SILENCE_LIMIT_MS, silentMs };
}
