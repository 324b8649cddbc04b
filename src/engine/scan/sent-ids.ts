// Where a reply's prompt ids repeat the ones that were sent, which need no parsing. Pure.

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
