// Where a reply's prompt ids repeat the ones that were sent: those need no parsing and are not held twice. Keeps no byte.

const COMMA = 0x2c;

/**
 * Elements begin in both at the same offset, and the sent ones are well-formed.
 * @param at where an element may begin in `chunk`; `from` is the same place in `sent`
 * @returns offset in `chunk` after the last comma up to which it repeats `sent`, `at` when it ends before one or there is
 *   nothing to compare; -1 when the bytes differ from the ids
 */
export function passSentIds(chunk: Buffer, at: number, sent: Buffer, from: number): number {
	const length = Math.min(sent.length - from, chunk.length - at);
	if (length <= 0) return at;
	const isElement = from === 0 || sent[from - 1] === COMMA;
	if (!isElement || sent.compare(chunk, at, at + length, from, from + length) !== 0) return -1;
	return Math.max(at, chunk.lastIndexOf(COMMA, at + length - 1) + 1);
}

/** A text that comes again, in whatever pieces: how far it is the same. */
export class SentText {
	/** Of what was taken. */
	length = 0;
	readonly #pieces: readonly Buffer[];
	#piece = 0;
	#at = 0;

	constructor(pieces: readonly Buffer[]) {
		this.#pieces = pieces.filter(({ length }) => length > 0);
	}

	/** Takes `bytes` when they go on as the text does; false, and takes none, when they don't. */
	take(bytes: Buffer): boolean {
		let [piece, at, same] = [this.#piece, this.#at, 0];
		while (same < bytes.length) {
			const own = this.#pieces[piece];
			if (own === undefined) return false;
			const length = Math.min(own.length - at, bytes.length - same);
			if (bytes.compare(own, at, at + length, same, same + length) !== 0) return false;
			same += length;
			at += length;
			if (at === own.length) [piece, at] = [piece + 1, 0];
		}
		[this.#piece, this.#at] = [piece, at];
		this.length += same;
		return true;
	}

	/** The text's own pieces once all of it was taken, else null. */
	get whole(): readonly Buffer[] | null {
		return this.#piece === this.#pieces.length ? this.#pieces : null;
	}

	/** What was taken, as views of the text. */
	taken(): Buffer[] {
		const last = this.#pieces[this.#piece]?.subarray(0, this.#at);
		return [...this.#pieces.slice(0, this.#piece), ...(last === undefined ? [] : [last])];
	}
}
