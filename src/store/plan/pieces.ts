// Bytes that come as a list of pieces: their length, a part of them, what they share with others. Pure.
import { commonPrefix } from "../../base/common-prefix.js";

export function byteLength(pieces: readonly Uint8Array[]): number {
	return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** The bytes from `start` up to `end`, as views; all after `start` without an end. */
export function sliceOf(pieces: readonly Uint8Array[], start: number, end = Infinity): Uint8Array[] {
	const slice: Uint8Array[] = [];
	let at = 0;
	for (const piece of pieces) {
		const from = Math.max(0, start - at);
		const to = Math.min(piece.length, end - at);
		if (from < to) slice.push(piece.subarray(from, to));
		at += piece.length;
		if (at >= end) break;
	}
	return slice;
}

/** Finds out how many bytes `pieces` begin with that another list of pieces, handed in one by one, begins with too. */
export class PrefixMatch {
	/** Every one of them was compared. */
	shared = 0;
	readonly #pieces: readonly Uint8Array[];
	#index = 0;
	#offset = 0;

	constructor(pieces: readonly Uint8Array[]) {
		this.#pieces = pieces;
	}

	/** False at the first difference, or when nothing is left to compare. */
	take(piece: Uint8Array): boolean {
		for (let at = 0; at < piece.length; ) {
			const own = this.#pieces[this.#index];
			if (own === undefined) return false;
			const length = Math.min(own.length - this.#offset, piece.length - at);
			const alike = commonPrefix(bufferOf(own, this.#offset, length), bufferOf(piece, at, length));
			this.shared += alike;
			if (alike < length) return false;
			at += length;
			this.#offset += length;
			if (this.#offset < own.length) continue;
			this.#index++;
			this.#offset = 0;
		}
		return true;
	}
}

function bufferOf(bytes: Uint8Array, offset: number, length: number): Buffer {
	return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
}
