// Bytes that come in small pieces, kept in a few large ones. Owns their memory.

const FIRST_BYTES = 16 * 1024;
const MAX_BYTES = 1024 * 1024;

export class Slabs {
	readonly #full: Buffer[] = [];
	#slab: Buffer = Buffer.alloc(0);
	#used = 0;

	/** Appends a copy of `bytes`. */
	add(bytes: Buffer): void {
		for (let at = 0; at < bytes.length; ) {
			if (this.#used === this.#slab.length) this.#grow(bytes.length - at);
			const copied = bytes.copy(this.#slab, this.#used, at);
			this.#used += copied;
			at += copied;
		}
	}

	/** All bytes, in order. */
	pieces(): Buffer[] {
		return this.#used === 0 ? [...this.#full] : [...this.#full, this.#slab.subarray(0, this.#used)];
	}

	#grow(wanted: number): void {
		if (this.#used > 0) this.#full.push(this.#slab);
		const bytes = Math.min(MAX_BYTES, Math.max(FIRST_BYTES, wanted, this.#slab.length * 4));
		this.#slab = Buffer.allocUnsafeSlow(bytes);
		this.#used = 0;
	}
}
