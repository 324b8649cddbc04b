// The router's questions to the primary that have no answer yet: each answer names its question. Sends nothing itself.

export class Questions<Answer> {
	readonly #open = new Map<number, (answer: Answer) => void>();
	#seq = 0;

	/** @param send given the number that the answer will name. Resolves with the answer. */
	ask(send: (seq: number) => void): Promise<Answer> {
		return new Promise((resolve) => {
			this.#seq += 1;
			this.#open.set(this.#seq, resolve);
			send(this.#seq);
		});
	}

	answered(seq: number, answer: Answer): void {
		this.#open.get(seq)?.(answer);
		this.#open.delete(seq);
	}
}
