// Measures how late the event loop runs between two heartbeats. Owns one histogram; reports, never acts.
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface LoopLag {
	/**
	 * The 99th percentile of the loop's delay since the last call, in milliseconds to two places; 0 when the
	 * loop was never late. Starts the next period.
	 */
	takeP99Ms(): number;
	stop(): void;
}

const RESOLUTION_MS = 10;

/** Starts measuring. The histogram counts whole timer periods, so its resolution is taken off again. */
export function createLoopLag(): LoopLag {
	const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
	histogram.enable();
	return {
		takeP99Ms() {
			const p99Ns = histogram.count === 0 ? 0 : histogram.percentile(99);
			histogram.reset();
			return Math.max(0, Math.round((p99Ns / 1e6 - RESOLUTION_MS) * 100) / 100);
		},
		stop() {
			histogram.disable();
		},
	};
}
