// How late a process's event loop runs, and which of its slices were long by its own doing. Owns a timer; never reports by itself.
import { openSync, readSync } from "node:fs";
import { percentile } from "../../src/demo/report.js";
import { round } from "./output.js";

export interface LoopFigures {
	/** Lateness of the loop: what something that is due would have waited. */
	loop_lag_p99_ms: number;
	loop_lag_worst_ms: number;
	/** Slices longer than 20 ms, without the time in which the kernel ran others. */
	slices_over_20_ms: number;
	worst_slice_ms: number;
}

export interface LoopWatch {
	/** Since the last call. */
	take(): LoopFigures;
}

const TICK_MS = 5;
const LONG_MS = 20;

export function createLoopWatch(): LoopWatch {
	const waitedMs = runQueueWait();
	let late: number[] = [];
	let slices: number[] = [];
	let lastMs = performance.now();
	let lastWaitedMs = waitedMs();
	setInterval(() => {
		const nowMs = performance.now();
		const nowWaitedMs = waitedMs();
		const lateMs = Math.max(0, nowMs - lastMs - TICK_MS);
		// On a full machine a loop is late because others run; that is in the lag, and no slice of its own.
		slices.push(Math.max(0, lateMs - (nowWaitedMs - lastWaitedMs)));
		lastMs = nowMs;
		lastWaitedMs = nowWaitedMs;
		// A late tick stands for all the ticks that it kept from coming.
		for (let leftMs = lateMs; ; leftMs -= TICK_MS) {
			late.push(leftMs);
			if (leftMs <= TICK_MS) break;
		}
	}, TICK_MS).unref();
	return {
		take() {
			const figures = {
				loop_lag_p99_ms: round(percentile(late, 0.99) || 0),
				loop_lag_worst_ms: round(largest(late), 1),
				slices_over_20_ms: slices.filter((ms) => ms > LONG_MS).length,
				worst_slice_ms: round(largest(slices), 1),
			};
			late = [];
			slices = [];
			return figures;
		},
	};
}

/** Several watched processes, or several readings of one, as one. */
export function worstOf(all: readonly LoopFigures[]): LoopFigures {
	const most = (value: (figures: LoopFigures) => number) => largest(all.map(value));
	return {
		loop_lag_p99_ms: most((one) => one.loop_lag_p99_ms),
		loop_lag_worst_ms: most((one) => one.loop_lag_worst_ms),
		slices_over_20_ms: all.reduce((sum, one) => sum + one.slices_over_20_ms, 0),
		worst_slice_ms: most((one) => one.worst_slice_ms),
	};
}

function largest(values: readonly number[]): number {
	return values.reduce((most, value) => Math.max(most, value), 0);
}

/** How long the calling thread has been ready to run and did not: the second figure of its schedstat. Always 0 without one. */
function runQueueWait(): () => number {
	let file: number;
	try {
		file = openSync("/proc/thread-self/schedstat", "r");
	} catch {
		return () => 0;
	}
	const bytes = Buffer.alloc(128);
	return () => {
		const length = readSync(file, bytes, 0, bytes.length, 0);
		return Number(bytes.toString("latin1", 0, length).split(" ")[1]) / 1e6;
	};
}
