// The last thing made for each of a few keys, by how much it takes: what was made first goes first, and what goes with its key.

/** Characters; a report may be as long as its conversation, when hardly a token is the template's. */
const MOST_CHARACTERS = 8 * 1024 * 1024;

export class KeptReports<Key extends object, Report> {
	readonly #reports = new WeakMap<Key, { report: Report; size: number }>();
	/** Oldest first. */
	#made: Array<{ key: WeakRef<Key>; size: number }> = [];
	readonly #sizeOf: (report: Report) => number;
	readonly #most: number;
	#size = 0;

	/** @param sizeOf in characters */
	constructor(sizeOf: (report: Report) => number, most: number = MOST_CHARACTERS) {
		this.#sizeOf = sizeOf;
		this.#most = most;
	}

	get(key: Key): Report | undefined {
		return this.#reports.get(key)?.report;
	}

	set(key: Key, report: Report): void {
		const size = this.#sizeOf(report);
		if (this.#reports.has(key)) this.#forget(key);
		this.#reports.set(key, { report, size });
		this.#made.push({ key: new WeakRef(key), size });
		this.#size += size;
		while (this.#size > this.#most) {
			const oldest = this.#made.shift();
			if (oldest === undefined) return;
			this.#size -= oldest.size;
			const old = oldest.key.deref();
			if (old !== undefined) this.#reports.delete(old);
		}
	}

	#forget(key: Key): void {
		this.#made = this.#made.filter((one) => one.key.deref() !== key);
		this.#size -= this.#reports.get(key)?.size ?? 0;
	}
}
