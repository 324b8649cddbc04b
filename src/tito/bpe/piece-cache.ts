// Remembers the ids of pieces of text, bounded in bytes: words, code and tool output come again and again. Never wrong, only empty.

/** One id, or several. */
export type PieceIds = number | Int32Array;

/** A longer piece hardly comes again. */
const MAX_KEY_LENGTH = 64;
/** Of a string, a map's entry and an array's head, about. */
const ENTRY_BYTES = 112;

/**
 * Two generations instead of an order of use: a piece of the old one that is asked for moves to the young one, and when the
 * young one is full, what was left in the old one is forgotten. A hit in the young one writes nothing.
 */
export class PieceCache {
	#young = new Map<string, PieceIds>();
	#old = new Map<string, PieceIds>();
	#youngBytes = 0;
	readonly #generationBytes: number;

	/** @param maxBytes of both generations together, about */
	constructor(maxBytes: number) {
		this.#generationBytes = maxBytes / 2;
	}

	get(piece: string): PieceIds | undefined {
		const found = this.#young.get(piece);
		if (found !== undefined) return found;
		const old = this.#old.get(piece);
		if (old !== undefined) this.#add(piece, old);
		return old;
	}

	set(piece: string, ids: PieceIds): void {
		if (piece.length <= MAX_KEY_LENGTH) this.#add(piece, ids);
	}

	clear(): void {
		this.#young.clear();
		this.#old.clear();
		this.#youngBytes = 0;
	}

	#add(piece: string, ids: PieceIds): void {
		this.#youngBytes += ENTRY_BYTES + piece.length * 2 + (typeof ids === "number" ? 0 : ids.byteLength);
		// A slice would keep the whole text that it is a part of.
		this.#young.set(Buffer.from(piece, "utf16le").toString("utf16le"), ids);
		if (this.#youngBytes < this.#generationBytes) return;
		this.#old = this.#young;
		this.#young = new Map();
		this.#youngBytes = 0;
	}
}
