// Requests that wait for a worker which starts for the first time or is replaced, in order of arrival. Decides nothing about workers.
import type { ServerResponse } from "node:http";
import type { Limits } from "../config/cluster-config.js";

interface HeldRequest {
	deadlineMs: number;
	/** Decides again what becomes of the request. */
	again: () => void;
	/** Refuses it: the wait was too long. */
	expire: () => void;
}

export class HeldRequests {
	readonly #limits: Readonly<Pick<Limits, "maxInflightPerWorker">>;
	readonly #timeoutMs: number;
	readonly #queues = new Map<number, Map<ServerResponse, HeldRequest>>();

	constructor(limits: Readonly<Pick<Limits, "maxInflightPerWorker">>, timeoutMs: number) {
		this.#limits = limits;
		this.#timeoutMs = timeoutMs;
	}

	/** @returns false when too many wait already */
	add(worker: number, res: ServerResponse, again: () => void, expire: () => void): boolean {
		const queue = this.#queues.get(worker) ?? new Map<ServerResponse, HeldRequest>();
		if (queue.size >= this.#limits.maxInflightPerWorker) return false;
		this.#queues.set(worker, queue);
		queue.set(res, { deadlineMs: performance.now() + this.#timeoutMs, again, expire });
		// A client that leaves frees its place.
		res.once("close", () => queue.delete(res));
		return true;
	}

	/** Lets every request that waited for this worker go on, first come first. */
	release(worker: number): void {
		const queue = this.#queues.get(worker);
		this.#queues.delete(worker);
		for (const { again } of queue?.values() ?? []) again();
	}

	releaseAll(): void {
		for (const worker of [...this.#queues.keys()]) this.release(worker);
	}

	/** Refuses those whose time is over. To be called about once a second. */
	sweep(nowMs: number): void {
		for (const queue of this.#queues.values()) {
			for (const [res, held] of queue) {
				if (held.deadlineMs > nowMs) continue;
				queue.delete(res);
				held.expire();
			}
		}
	}
}
