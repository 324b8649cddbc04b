// Token ids of one path with their decimal text, both growing in place: the text of a stored prefix is made once.

const COMMA = 0x2c;
const MAX_DIGITS = 10;

/** A growing list of token ids (int32, non-negative) and its text `1,2,3`. */
export class TokenText {
	#ids = new Int32Array(0);
	#length = 0;
	#text = Buffer.alloc(0);
	#textLength = 0;

	get length(): number {
		return this.#length;
	}

	/** Bytes held, in use or not. */
	get byteCapacity(): number {
		return this.#ids.byteLength + this.#text.length;
	}

	/** The last id; undefined when empty. */
	get last(): number | undefined {
		return this.#ids[this.#length - 1];
	}

	/** A view of the ids; valid until the next change. */
	ids(): Int32Array {
		return this.#ids.subarray(0, this.#length);
	}

	/** A view of the text; valid until the next change. */
	text(): Buffer {
		return this.#text.subarray(0, this.#textLength);
	}

	append(ids: Int32Array): void {
		if (this.#length + ids.length > this.#ids.length) {
			const grown = new Int32Array(Math.max(64, grownBy(this.#ids.length), this.#length + ids.length));
			grown.set(this.ids());
			this.#ids = grown;
		}
		this.#ids.set(ids, this.#length);
		const needed = this.#textLength + ids.length * (MAX_DIGITS + 1);
		if (needed > this.#text.length) {
			const grown = Buffer.allocUnsafeSlow(Math.max(256, grownBy(this.#text.length), needed));
			grown.set(this.text());
			this.#text = grown;
		}
		this.#textLength = writeIds(this.#text, this.#textLength, ids, this.#length > 0);
		this.#length += ids.length;
	}

	/** Keeps the first `length` ids. */
	truncate(length: number): void {
		if (length < 0 || length > this.#length) throw new RangeError(`truncate to ${length} of ${this.#length}`);
		this.#textLength = this.#textEnd(length);
		this.#length = length;
	}

	/** The text of the first `kept` ids followed by `ids`, in pieces; the stored piece is a view, not a copy. */
	textWith(kept: number, ids: Int32Array): Buffer[] {
		const stored = this.#text.subarray(0, this.#textEnd(kept));
		const added = Buffer.allocUnsafe(ids.length * (MAX_DIGITS + 1));
		return [stored, added.subarray(0, writeIds(added, 0, ids, kept > 0))];
	}

	#textEnd(length: number): number {
		if (length === 0) return 0;
		let end = this.#textLength;
		for (let drop = this.#length - length; drop > 0; drop--) {
			end = this.#text.lastIndexOf(COMMA, end - 1);
		}
		return end;
	}
}

/** By half: many lists wait long for their next turn, each with what it has not used yet. */
function grownBy(capacity: number): number {
	return capacity + (capacity >> 1);
}

/** The text of ids as one buffer: `1,2,3`. */
export function tokenIdsText(ids: Int32Array): Buffer {
	const text = Buffer.allocUnsafe(ids.length * (MAX_DIGITS + 1));
	return text.subarray(0, writeIds(text, 0, ids, false));
}

function writeIds(into: Buffer, at: number, ids: Int32Array, commaFirst: boolean): number {
	let end = at;
	for (let i = 0; i < ids.length; i++) {
		if (i > 0 || commaFirst) into[end++] = COMMA;
		let value = ids[i] as number;
		if (value < 0) throw new RangeError(`token id ${value} is negative`);
		const digits = digitCount(value);
		for (let place = end + digits - 1; place >= end; place--) {
			const rest = (value / 10) | 0;
			into[place] = 0x30 + value - rest * 10;
			value = rest;
		}
		end += digits;
	}
	return end;
}

function digitCount(value: number): number {
	let digits = 1;
	for (let bound = 10; value >= bound && digits < MAX_DIGITS; bound *= 10) digits++;
	return digits;
}
