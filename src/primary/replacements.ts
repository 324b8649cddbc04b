// Planned replacement of workers: waits until the router has nothing on one, then drains it. Starts no process itself.
import type { ChildSlot } from "./child-slot.js";

/** A worker whose requests were cut at the end of its drain time has this long to close its store. */
const CUT_GRACE_MS = 1_000;
const KILL_GRACE_MS = 2_000;

interface Running {
	epoch: number;
	startedMs: number;
	timer: NodeJS.Timeout;
}

export class Replacements {
	readonly #drainTimeoutMs: number;
	/** Workers on which the router may still have requests, by index. */
	readonly #running = new Map<number, Running>();
	readonly #waiting = new Map<ChildSlot, (replaced: boolean) => void>();
	readonly #slots = new Map<number, ChildSlot>();

	/** @param drainTimeoutMs for the requests that run on a worker; what outlasts it is cut */
	constructor(drainTimeoutMs: number) {
		this.#drainTimeoutMs = drainTimeoutMs;
	}

	/** Resolves with true when a successor is ready, with false when it died. A slot that starts anyway is waited for. */
	replace(slot: ChildSlot): Promise<boolean> {
		return new Promise((resolve) => {
			this.#waiting.set(slot, resolve);
			if (slot.replace()) return;
			// It is down or starting: whoever comes up is new.
			if (slot.state === "ready") this.#settle(slot, true);
		});
	}

	/** To be called after every change of a worker's state. */
	changed(slot: ChildSlot): void {
		if (slot.state === "draining" && slot.awaited) this.#begin(slot);
		else this.#end(slot.index);
		if (slot.state === "ready") this.#settle(slot, true);
		const planned = slot.awaited;
		if ((slot.state === "down" && !planned) || slot.state === "quarantined") this.#settle(slot, false);
	}

	/** The router said so: no request is on its way to that process, and none will be. */
	workerIdle(worker: number, epoch: number): void {
		const running = this.#running.get(worker);
		if (running?.epoch === epoch) this.#drain(worker);
	}

	#begin(slot: ChildSlot): void {
		if (this.#running.has(slot.index)) return;
		this.#slots.set(slot.index, slot);
		const timer = setTimeout(() => this.#drain(slot.index), this.#drainTimeoutMs);
		this.#running.set(slot.index, { epoch: slot.epoch, startedMs: performance.now(), timer });
	}

	#drain(worker: number): void {
		const running = this.#running.get(worker);
		const slot = this.#slots.get(worker);
		if (running === undefined || slot === undefined) return;
		clearTimeout(running.timer);
		const leftMs = this.#drainTimeoutMs - (performance.now() - running.startedMs);
		// The time is over: what still runs is cut now.
		const timeoutMs = Math.max(0, Math.round(leftMs));
		slot.drainForSuccessor(timeoutMs, timeoutMs + CUT_GRACE_MS + KILL_GRACE_MS);
	}

	#end(worker: number): void {
		clearTimeout(this.#running.get(worker)?.timer);
		this.#running.delete(worker);
	}

	#settle(slot: ChildSlot, replaced: boolean): void {
		this.#waiting.get(slot)?.(replaced);
		this.#waiting.delete(slot);
	}
}
