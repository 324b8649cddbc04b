// Owns token ids as the decimal text of a JSON list's content. Ids in, ASCII bytes out; never one string per id.

const COMMA = 0x2c;

/** The ids as `1,2,3`; an empty buffer for none. Ids are not negative. */
export function idsToText(ids: Int32Array): Buffer {
	const text = Buffer.allocUnsafe(textLength(ids));
	writeIds(ids, text, 0);
	return text;
}

/** Bytes that the ids take with a comma between them. */
function textLength(ids: Int32Array): number {
	let length = Math.max(0, ids.length - 1);
	for (let index = 0; index < ids.length; index++) length += digitCount(ids[index] as number);
	return length;
}

function digitCount(id: number): number {
	if (id < 10) return 1;
	if (id < 100) return 2;
	if (id < 1_000) return 3;
	if (id < 10_000) return 4;
	if (id < 100_000) return 5;
	if (id < 1_000_000) return 6;
	if (id < 10_000_000) return 7;
	if (id < 100_000_000) return 8;
	return id < 1_000_000_000 ? 9 : 10;
}

function writeIds(ids: Int32Array, text: Buffer, offset: number): number {
	let end = offset;
	for (let index = 0; index < ids.length; index++) {
		let id = ids[index] as number;
		if (id < 0) throw new RangeError(`a token id is negative: ${id}`);
		if (index > 0) text[end++] = COMMA;
		end += digitCount(id);
		let at = end;
		do {
			const rest = (id / 10) | 0;
			text[--at] = 0x30 + (id - rest * 10);
			id = rest;
		} while (id > 0);
	}
	return end;
}

/**
 * The text of a growing token sequence, so that a turn writes only its own ids.
 *
 * Views stay valid for ever: bytes that were handed out are never written again (a truncate followed by an append
 * moves to a new buffer), because an earlier view may still be on its way to the engine.
 */
export class TokenText {
	#bytes: Buffer;
	#length = 0;
	#count = 0;
	/** Bytes below this offset may be seen through a view. */
	#handedOut = 0;

	constructor(ids: Int32Array = new Int32Array(0)) {
		this.#bytes = idsToText(ids);
		this.#length = this.#bytes.length;
		this.#count = ids.length;
	}

	/** Number of ids. */
	get count(): number {
		return this.#count;
	}

	get byteLength(): number {
		return this.#length;
	}

	append(ids: Int32Array): void {
		if (ids.length === 0) return;
		const comma = this.#count > 0 ? 1 : 0;
		const needed = this.#length + comma + textLength(ids);
		if (needed > this.#bytes.length || this.#length < this.#handedOut) {
			const grown = Buffer.allocUnsafe(needed + (needed >> 2));
			this.#bytes.copy(grown, 0, 0, this.#length);
			this.#bytes = grown;
			this.#handedOut = 0;
		}
		if (comma === 1) this.#bytes[this.#length] = COMMA;
		this.#length = writeIds(ids, this.#bytes, this.#length + comma);
		this.#count += ids.length;
	}

	/** Keeps the first `count` ids; the cost is that of the ids dropped. */
	truncate(count: number): void {
		if (count < 0 || count > this.#count) throw new RangeError(`cannot keep ${count} of ${this.#count} ids`);
		if (count === 0) this.#length = 0;
		for (let dropped = count === 0 ? 0 : this.#count - count; dropped > 0; dropped--) {
			this.#length = this.#bytes.lastIndexOf(COMMA, this.#length - 1);
		}
		this.#count = count;
	}

	/** The text so far, without a copy. */
	view(): Buffer {
		this.#handedOut = Math.max(this.#handedOut, this.#length);
		return this.#bytes.subarray(0, this.#length);
	}
}

/** A token sequence's text. */
export function createTokenText(ids?: Int32Array): TokenText {
	return new TokenText(ids);
}
