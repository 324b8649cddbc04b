// Bytes that come in small pieces, kept in a few large ones. Owns their memory, and that of slabs which were given back.

const FIRST_BYTES = 16 * 1024;
const MAX_BYTES = 1024 * 1024;
/** Slabs that wait for their next use. Made anew, each would be memory that V8 counts: it marks its heap for every 64 MiB. */
const spare: Buffer[] = [];
const MAX_SPARE = 32;

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

	/** Nobody uses the pieces any more: their memory is for other bytes from now on. */
	giveBack(): void {
		for (const slab of [...this.#full.splice(0), this.#slab]) {
			if (slab.length === MAX_BYTES && spare.length < MAX_SPARE) spare.push(slab);
		}
		this.#slab = Buffer.alloc(0);
		this.#used = 0;
	}

	#grow(wanted: number): void {
		if (this.#used > 0) this.#full.push(this.#slab);
		const bytes = Math.min(MAX_BYTES, Math.max(FIRST_BYTES, wanted, this.#slab.length * 4));
		this.#slab = (bytes === MAX_BYTES ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes);
		this.#used = 0;
	}
}
