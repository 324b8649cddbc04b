// Items in the order of their times, earliest first: a binary heap in which each item knows its place. Pure.

/** What the queue keeps in an item. Nobody else writes it. */
export interface Queued {
	/** When it is up; meaningless while it is not in a queue. */
	queuedAtMs: number;
	/** Its place in the heap; -1: in none. */
	queueIndex: number;
}

export class DueQueue<Item extends Queued> {
	readonly #heap: Item[] = [];

	get size(): number {
		return this.#heap.length;
	}

	/** The earliest item, which stays. */
	get first(): Item | undefined {
		return this.#heap[0];
	}

	/** Puts the item in, or moves it. */
	set(item: Item, atMs: number): void {
		item.queuedAtMs = atMs;
		if (item.queueIndex === -1) {
			item.queueIndex = this.#heap.length;
			this.#heap.push(item);
		}
		this.#place(item);
	}

	/** Takes the item out, if it is in. */
	delete(item: Item): void {
		const { queueIndex: index } = item;
		if (index === -1) return;
		item.queueIndex = -1;
		const last = this.#heap.pop() as Item;
		if (last === item) return;
		last.queueIndex = index;
		this.#heap[index] = last;
		this.#place(last);
	}

	clear(): void {
		for (const item of this.#heap) item.queueIndex = -1;
		this.#heap.length = 0;
	}

	/** Moves an item to where its time belongs: towards the first one, else away from it. */
	#place(item: Item): void {
		const heap = this.#heap;
		let at = item.queueIndex;
		while (at > 0) {
			const up = (at - 1) >> 1;
			const parent = heap[up] as Item;
			if (parent.queuedAtMs <= item.queuedAtMs) break;
			this.#put(parent, at);
			at = up;
		}
		for (;;) {
			let down = 2 * at + 1;
			if (down >= heap.length) break;
			const right = heap[down + 1];
			if (right !== undefined && right.queuedAtMs < (heap[down] as Item).queuedAtMs) down++;
			const child = heap[down] as Item;
			if (child.queuedAtMs >= item.queuedAtMs) break;
			this.#put(child, at);
			at = down;
		}
		this.#put(item, at);
	}

	#put(item: Item, index: number): void {
		item.queueIndex = index;
		this.#heap[index] = item;
	}
}
