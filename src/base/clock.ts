// Two clocks: wall time for what people and trainers read, monotonic time for everything that is measured or due.

export interface Clock {
	/** Wall clock, float Unix seconds. May jump. */
	nowS(): number;
	/** Milliseconds that only ever grow; no relation to the wall clock. */
	monotonicMs(): number;
}

export const systemClock: Clock = {
	nowS: () => Date.now() / 1000,
	monotonicMs: () => performance.now(),
};

/** @returns the milliseconds since this call, each time it is asked */
export function stopwatch(clock: Clock): () => number {
	const startedMs = clock.monotonicMs();
	return () => clock.monotonicMs() - startedMs;
}
