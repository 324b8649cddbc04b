// What tells running work to end, for the many that are made per request: an AbortSignal's few uses without its event machinery.

/** What work looks at that may be cancelled; an AbortSignal is one too. */
export interface CancelSignal {
	readonly aborted: boolean;
	/** What the work fails with; undefined before. */
	readonly reason: unknown;
	/** Called once when it fires; nothing is called when it has fired before. */
	addEventListener(type: "abort", listener: () => void): void;
	removeEventListener(type: "abort", listener: () => void): void;
	/** Throws the reason once it has fired. */
	throwIfAborted(): void;
}

/** `work`, or `signal`'s reason as soon as it fires; the work then goes on unheeded. */
export function orAborted<T>(work: Promise<T>, signal: CancelSignal): Promise<T> {
	return new Promise((resolve, reject) => {
		const stop = () => reject(signal.reason);
		if (signal.aborted) stop();
		signal.addEventListener("abort", stop);
		const settle = () => signal.removeEventListener("abort", stop);
		work.then(
			(value) => {
				settle();
				resolve(value);
			},
			(error: unknown) => {
				settle();
				reject(error);
			},
		);
	});
}

/** Fires at most once. Who may fire it has this, everybody else has a `CancelSignal`. */
export class Cancellation implements CancelSignal {
	aborted = false;
	reason: unknown = undefined;
	#listeners: Array<() => void> = [];

	/** Only the first call counts. */
	abort(reason: unknown): void {
		if (this.aborted) return;
		this.aborted = true;
		this.reason = reason;
		const listeners = this.#listeners;
		this.#listeners = [];
		for (const listener of listeners) {
			try {
				listener();
			} catch (error) {
				// A defect; the others must hear of the end all the same.
				process.nextTick(() => {
					throw error;
				});
			}
		}
	}

	addEventListener(_type: "abort", listener: () => void): void {
		if (!this.aborted) this.#listeners.push(listener);
	}

	removeEventListener(_type: "abort", listener: () => void): void {
		const at = this.#listeners.indexOf(listener);
		if (at >= 0) this.#listeners.splice(at, 1);
	}

	throwIfAborted(): void {
		if (this.aborted) throw this.reason;
	}
}
