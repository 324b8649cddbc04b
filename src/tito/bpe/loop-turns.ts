// Gives long work on the event loop one turn after the other, at most one a round of the loop, so that others get theirs between.

export class LoopTurns {
	readonly #waiting: Array<() => void> = [];

	/** Resolves when it is this one's turn. Who needs more asks again, behind the others. */
	next(): Promise<void> {
		return new Promise((resolve) => {
			this.#waiting.push(resolve);
			if (this.#waiting.length === 1) this.#schedule();
		});
	}

	#schedule(): void {
		setImmediate(() => {
			this.#waiting.shift()?.();
			if (this.#waiting.length > 0) this.#schedule();
		});
	}
}
