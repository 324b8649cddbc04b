// Gives memory back after a burst of work: V8 collects when something is allocated, and an idle worker allocates nothing. Knows no
// session.
import { performance } from "node:perf_hooks";

const LOOK_EVERY_MS = 5_000;
/** Of the event loop's time between two looks. Heartbeats and sweeps stay below it. */
const IDLE_SHARE = 0.02;
/** What little work leaves is not worth a collection. */
const WORTH_MS = 250;

/**
 * V8 begins a collection, in steps beside other work, when this much memory outside its heap has come since the last one (64 MiB,
 * `kExternalAllocationSoftLimit` of https://github.com/v8/v8/blob/11.3.244/src/heap/heap.h). Untouched pages cost nothing.
 */
const NUDGE_BYTES = 72 * 1024 * 1024;

/** Time of the event loop since the worker's start, ms. */
export interface LoopTime {
	active: number;
	idle: number;
}

/** Decides when: once for each stretch of work, when nothing has followed it for a while. */
export class IdleWatch {
	#last: LoopTime = { active: 0, idle: 0 };
	#activeMs = 0;

	/** @returns whether to collect now */
	look(now: LoopTime): boolean {
		const activeMs = now.active - this.#last.active;
		const share = activeMs / Math.max(1, activeMs + now.idle - this.#last.idle);
		this.#last = now;
		this.#activeMs += activeMs;
		if (share > IDLE_SHARE || this.#activeMs < WORTH_MS) return false;
		this.#activeMs = 0;
		return true;
	}
}

/** Has V8 begin a collection. A full one at once would hold up the loop for as long as what lives takes to mark. */
export function nudgeCollector(): void {
	try {
		new ArrayBuffer(NUDGE_BYTES);
	} catch {
		// No room for it: then V8 has collected already.
	}
}

/** @returns ends it */
export function collectWhenIdle(): () => void {
	const watch = new IdleWatch();
	const timer = setInterval(() => {
		if (watch.look(performance.eventLoopUtilization())) nudgeCollector();
	}, LOOK_EVERY_MS);
	timer.unref();
	return () => clearInterval(timer);
}
