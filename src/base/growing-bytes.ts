// Bytes of which the end is put anew again and again: where nothing is replaced they grow in place, and no beginning is copied.

export class GrowingBytes {
	#buffer = Buffer.alloc(0);
	#length = 0;

	/** A view, which never changes. */
	get bytes(): Buffer {
		return this.#buffer.subarray(0, this.#length);
	}

	/** Keeps the first `kept` bytes and puts `tail` after them. */
	replaceEnd(kept: number, tail: Buffer): void {
		const length = kept + tail.length;
		// What was shown stays: whoever has it may not have written it yet.
		if (kept < this.#length || length > this.#buffer.length) {
			const grown = Buffer.allocUnsafeSlow(Math.max(length, kept + (kept >> 1)));
			this.#buffer.copy(grown, 0, 0, kept);
			this.#buffer = grown;
		}
		tail.copy(this.#buffer, kept);
		this.#length = length;
	}
}
