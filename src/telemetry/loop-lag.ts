// Measures how late the event loop runs between two heartbeats. Owns one timer and histogram; reports, never acts.
import { createHistogram } from "node:perf_hooks";
import type { Distribution } from "./metrics/cells.js";

export interface LoopLag {
	/**
	 * The 99th percentile of the loop's lateness since the last call, in milliseconds to two places; 0 when the
	 * loop was never late. Starts the next period.
	 */
	takeP99Ms(): number;
	stop(): void;
}

const TICK_MS = 50;
/** A block is counted as if it had been asked about so often at most: 100 s. */
const MAX_TICKS = 2_000;

/**
 * Starts measuring. A tick that comes late stands for all the ticks that it kept from coming: had something
 * waited at each of them, it would have waited that long. So a block of 5 s in 30 s shows in the 99th percentile; in
 * node's `monitorEventLoopDelay` it is one sample of thousands (and the first after a reset is not counted).
 * @param seconds gets every lateness, too, and is never reset
 */
export function createLoopLag(seconds?: Distribution): LoopLag {
	const histogram = createHistogram();
	let lastMs = performance.now();
	const record = (lateMs: number): void => {
		// In microseconds, from 1 on: a histogram holds no zero.
		histogram.record(Math.max(1, Math.round(lateMs * 1000)));
		seconds?.observe(Math.max(0, lateMs) / 1000);
	};
	const tick = (): void => {
		const nowMs = performance.now();
		let lateMs = nowMs - lastMs - TICK_MS;
		lastMs = nowMs;
		record(lateMs);
		for (let ticks = 1; ticks < MAX_TICKS && lateMs > TICK_MS; ticks += 1) {
			lateMs -= TICK_MS;
			record(lateMs);
		}
	};
	const timer = setInterval(tick, TICK_MS).unref();
	return {
		takeP99Ms() {
			const p99Us = histogram.count === 0 ? 0 : histogram.percentile(99);
			histogram.reset();
			return p99Us <= 1 ? 0 : Math.round(p99Us / 10) / 100;
		},
		stop() {
			clearInterval(timer);
		},
	};
}
