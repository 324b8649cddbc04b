// How many sandboxes are made at once, and how many may wait for that. Knows no sandbox.
import { RollpinError } from "../base/errors.js";

/** Waiting creates for each one that runs: more would only time out in the queue. */
const QUEUE_FACTOR = 16;

export class CreateGate {
	readonly #concurrency: number;
	readonly #queue: Array<() => void> = [];
	#running = 0;

	constructor(concurrency: number) {
		this.#concurrency = concurrency;
	}

	/**
	 * Waits for a turn; `leave` must follow.
	 * @throws RollpinError `too_many_sandboxes` when too many wait; the signal's reason
	 */
	async enter(signal: AbortSignal): Promise<void> {
		signal.throwIfAborted();
		if (this.#running < this.#concurrency) {
			this.#running++;
			return;
		}
		if (this.#queue.length >= this.#concurrency * QUEUE_FACTOR) {
			throw new RollpinError(
				"too_many_sandboxes",
				`${this.#queue.length} creates of sandboxes wait already; send fewer at once, or raise --sandbox-create-concurrency`,
				{ retryAfterS: 2 },
			);
		}
		await new Promise<void>((resolve, reject) => {
			const turn = (): void => {
				signal.removeEventListener("abort", left);
				resolve();
			};
			const left = (): void => {
				this.#queue.splice(this.#queue.indexOf(turn), 1);
				reject(signal.reason);
			};
			this.#queue.push(turn);
			signal.addEventListener("abort", left, { once: true });
		});
	}

	leave(): void {
		const next = this.#queue.shift();
		// The place is handed on: nobody who comes now gets in before.
		if (next === undefined) this.#running--;
		else next();
	}
}
