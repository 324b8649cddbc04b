// Flushes that nobody waits for, a few at a time. Knows no files.

const AT_ONCE = 4;

export class FlushQueue {
	readonly #waiting: Array<() => Promise<void>> = [];
	readonly #running = new Set<Promise<void>>();

	/** @param work must not reject */
	add(work: () => Promise<void>): void {
		this.#waiting.push(work);
		this.#next();
	}

	/** Resolves when all are done, or after that time: what is left then is not begun. */
	async drain(atMostMs: number): Promise<void> {
		const untilMs = performance.now() + atMostMs;
		while (this.#running.size > 0 && performance.now() < untilMs) {
			let timer: NodeJS.Timeout | undefined;
			const over = new Promise<void>((resolve) => {
				timer = setTimeout(resolve, Math.max(0, untilMs - performance.now()));
			});
			await Promise.race([...this.#running, over]);
			clearTimeout(timer);
		}
		this.#waiting.length = 0;
	}

	#next(): void {
		while (this.#running.size < AT_ONCE) {
			const work = this.#waiting.shift();
			if (work === undefined) return;
			const running = work().finally(() => {
				this.#running.delete(running);
				this.#next();
			});
			this.#running.add(running);
		}
	}
}
