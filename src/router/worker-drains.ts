// Asks the primary for a worker that gets no new sessions, and waits until it is so. Keeps no state of workers.

/** Resolves when new sessions are routed by it. */
export type SetDrain = (worker: number, drain: boolean) => Promise<void>;

export class WorkerDrains {
	readonly #ask: (seq: number, worker: number, drain: boolean) => void;
	readonly #asked = new Map<number, () => void>();
	#seq = 0;

	constructor(ask: (seq: number, worker: number, drain: boolean) => void) {
		this.#ask = ask;
	}

	readonly set: SetDrain = (worker, drain) =>
		new Promise((resolve) => {
			const seq = ++this.#seq;
			this.#asked.set(seq, resolve);
			this.#ask(seq, worker, drain);
		});

	/** The primary has done it, and the router has the snapshot that says so. */
	isSet(seq: number): void {
		this.#asked.get(seq)?.();
		this.#asked.delete(seq);
	}
}
