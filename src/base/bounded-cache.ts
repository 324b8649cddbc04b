// A map of bounded size that forgets what was used longest ago. For values that can always be made again.

export class BoundedCache<T> {
	readonly #entries = new Map<string, T>();
	readonly #maxEntries: number;
	readonly #maxKeyLength: number;

	/** Keys longer than `maxKeyLength` UTF-16 units are not kept. */
	constructor(maxEntries: number, maxKeyLength: number) {
		this.#maxEntries = maxEntries;
		this.#maxKeyLength = maxKeyLength;
	}

	get size(): number {
		return this.#entries.size;
	}

	getOrMake(key: string, make: () => T): T {
		const found = this.#entries.get(key);
		const value = found ?? make();
		if (key.length > this.#maxKeyLength) return value;
		this.#entries.delete(key);
		this.#entries.set(key, value);
		const [oldest] = this.#entries.keys();
		if (this.#entries.size > this.#maxEntries && oldest !== undefined) this.#entries.delete(oldest);
		return value;
	}
}
