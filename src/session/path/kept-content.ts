// The messages content of a path's newest request, kept from turn to turn: each turn copies what it adds and nothing else.
// Bytes that were handed out never change.

export class KeptContent {
	#bytes = Buffer.allocUnsafeSlow(0);
	#length = 0;

	/** Bytes held, in use or not. */
	get byteCapacity(): number {
		return this.#bytes.length;
	}

	/**
	 * The content that has `shared` bytes in common with the one before, and then `tail`, which is copied: a view would keep
	 * the whole body of its request alive.
	 * @returns a view that stays valid
	 */
	extend(shared: number, tail: Buffer): Buffer {
		if (shared > this.#length) throw new RangeError(`${shared} bytes are shared with ${this.#length}`);
		const length = shared + tail.length;
		// Bytes after `shared` may be in somebody's view, so they are written nowhere but in new memory.
		if (shared < this.#length || length > this.#bytes.length) {
			const grown = Buffer.allocUnsafeSlow(Math.max(length, shared === 0 ? 0 : grownBy(this.#bytes.length)));
			this.#bytes.copy(grown, 0, 0, shared);
			this.#bytes = grown;
		}
		tail.copy(this.#bytes, shared);
		this.#length = length;
		return this.#bytes.subarray(0, length);
	}
}

/** By half: many paths wait long for their next turn, each with what it has not used yet. */
function grownBy(capacity: number): number {
	return capacity + (capacity >> 1);
}
