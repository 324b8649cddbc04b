// One writer at a time per session: a bounded first-come queue whose waiters can leave. Knows nothing of chats.
import type { CancelSignal } from "../../base/cancellation.js";
import { RollpinError } from "../../base/errors.js";

interface Waiter {
	admit: () => void;
	dismiss: (reason: unknown) => void;
}

/** A first-in, first-out mutex. */
export class SessionLock {
	readonly #maxWaiting: () => number;
	#held = false;
	/** Made when the first one waits: most locks of a worker never have one. */
	#waiting: Waiter[] | null = null;
	#idle: Array<() => void> | null = null;

	/** @param maxWaiting asked for each newcomer */
	constructor(maxWaiting: () => number) {
		this.#maxWaiting = maxWaiting;
	}

	get waiting(): number {
		return this.#waiting?.length ?? 0;
	}

	get held(): boolean {
		return this.#held;
	}

	/**
	 * Waits for its turn; call the returned function once to let the next one in.
	 * @throws RollpinError `too_many_requests` when the queue is full; `signal`'s reason when it is aborted while waiting
	 */
	async acquire(signal?: CancelSignal): Promise<() => void> {
		signal?.throwIfAborted();
		if (this.#held) {
			if (this.waiting >= this.#maxWaiting()) {
				throw new RollpinError(
					"too_many_requests",
					`this session has ${this.waiting} chats waiting, its limit; send them one after the other`,
					{ retryAfterS: 1 },
				);
			}
			await this.#wait(signal);
		}
		this.#held = true;
		let released = false;
		return () => {
			if (released) return;
			released = true;
			this.#release();
		};
	}

	/** Resolves when nobody holds the lock. Its caller must have made sure that nobody new gets in line. */
	async idle(): Promise<void> {
		if (!this.#held) return;
		this.#idle ??= [];
		const waiting = this.#idle;
		await new Promise<void>((resolve) => waiting.push(resolve));
	}

	#wait(signal: CancelSignal | undefined): Promise<void> {
		this.#waiting ??= [];
		const queue = this.#waiting;
		return new Promise((resolve, reject) => {
			const leave = (settle: () => void) => {
				signal?.removeEventListener("abort", onAbort);
				settle();
			};
			const waiter: Waiter = {
				admit: () => leave(resolve),
				dismiss: (reason) => leave(() => reject(reason)),
			};
			const onAbort = () => {
				queue.splice(queue.indexOf(waiter), 1);
				waiter.dismiss(signal?.reason);
			};
			signal?.addEventListener("abort", onAbort);
			queue.push(waiter);
		});
	}

	#release(): void {
		const next = this.#waiting?.shift();
		if (next !== undefined) {
			// The lock passes on without ever being free, so that no newcomer can slip in between.
			next.admit();
			return;
		}
		this.#held = false;
		for (const resolve of this.#idle?.splice(0) ?? []) resolve();
	}
}
