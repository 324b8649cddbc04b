// The router's questions to the primary for everybody else's metrics, and the answers to them. Waits for none for ever.
export class Scrapes {
	readonly #ask: (seq: number) => void;
	readonly #waiting = new Map<number, (texts: readonly string[]) => void>();
	#seq = 0;

	constructor(ask: (seq: number) => void) {
		this.#ask = ask;
	}

	/** Resolves with the answer. A question that gets none is forgotten with the next one. */
	gather(): Promise<readonly string[]> {
		this.#waiting.clear();
		return new Promise((resolve) => {
			this.#seq += 1;
			this.#waiting.set(this.#seq, resolve);
			this.#ask(this.#seq);
		});
	}

	gathered(seq: number, texts: readonly string[]): void {
		this.#waiting.get(seq)?.(texts);
		this.#waiting.delete(seq);
	}
}
