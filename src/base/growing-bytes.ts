// Bytes of which the end is put anew again and again: where nothing is replaced they grow in place, and no beginning is copied.

export class GrowingBytes {
	#buffer = Buffer.allocUnsafeSlow(0);
	#length = 0;

	/** Bytes held, in use or not. */
	get byteCapacity(): number {
		return this.#buffer.length;
	}

	/** A view, which never changes. */
	get bytes(): Buffer {
		return this.#buffer.subarray(0, this.#length);
	}

	/** Keeps the first `kept` bytes and puts a copy of `tail` after them. @throws RangeError for more kept than there is */
	replaceEnd(kept: number, tail: Buffer): void {
		if (kept > this.#length) throw new RangeError(`${kept} bytes of ${this.#length} are to be kept`);
		const length = kept + tail.length;
		// What was shown stays: whoever has it may not have written it yet.
		if (kept < this.#length || length > this.#buffer.length) {
			// By half: many wait long for their next end, each with what it has not used yet.
			const grown = Buffer.allocUnsafeSlow(Math.max(length, kept + (kept >> 1)));
			this.#buffer.copy(grown, 0, 0, kept);
			this.#buffer = grown;
		}
		tail.copy(this.#buffer, kept);
		this.#length = length;
	}
}
