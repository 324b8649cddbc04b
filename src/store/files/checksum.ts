// CRC-32 of a part's blocks, made and checked piece by piece. Pure.
import { crc32 } from "node:zlib";
import { BLOCK_BYTES } from "../plan/image.js";

/** Checksums of each block of a part that comes in pieces. */
export class BlockSums {
	readonly #sums: number[] = [];
	#current = 0;
	#filled = 0;

	add(piece: Uint8Array): void {
		for (let at = 0; at < piece.length; ) {
			const bytes = Math.min(BLOCK_BYTES - this.#filled, piece.length - at);
			const stretch = bytes === piece.length ? piece : piece.subarray(at, at + bytes);
			this.#current = crc32(stretch, this.#current);
			this.#filled += bytes;
			at += bytes;
			if (this.#filled === BLOCK_BYTES) this.end();
		}
	}

	/** The part is over: the next bytes are of another one. */
	end(): void {
		if (this.#filled > 0) this.#sums.push(this.#current);
		this.#current = 0;
		this.#filled = 0;
	}

	/** Of all parts so far, one after the other. */
	get sums(): readonly number[] {
		return this.#sums;
	}
}

/** Checks a part's bytes, handed in piece by piece, against the sums of its blocks. */
export class BlockCheck {
	readonly #expected: readonly number[];
	readonly #sums = new BlockSums();
	#checked = 0;

	constructor(expected: readonly number[]) {
		this.#expected = expected;
	}

	/** False as soon as a whole block differs. */
	add(piece: Uint8Array): boolean {
		this.#sums.add(piece);
		return this.#check();
	}

	/** False when the last block differs, or there are more or fewer than expected. */
	end(): boolean {
		this.#sums.end();
		return this.#check() && this.#checked === this.#expected.length;
	}

	#check(): boolean {
		const { sums } = this.#sums;
		for (; this.#checked < sums.length; this.#checked++) {
			if (sums[this.#checked] !== this.#expected[this.#checked]) return false;
		}
		return true;
	}
}
