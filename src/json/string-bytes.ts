// Owns finding the end of a JSON string in bytes at memory speed. Knows no grammar and copies nothing.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Most strings are short: below this many bytes a plain loop beats any native call. */
const SHORT_BYTES = 48;
const FIRST_WINDOW_BYTES = 256;

/**
 * Offset in [from, to] of the first byte inside a JSON string that is not plain: a quote, a backslash or a control
 * character (below 0x20); `to` when there is none.
 *
 * Long strings are searched with the native indexOf in windows that grow fourfold. A byte is searched at most a
 * constant number of times however quotes and backslashes are spread, so the cost stays linear.
 */
export function plainStringEnd(bytes: Buffer, from: number, to: number): number {
	const shortEnd = Math.min(from + SHORT_BYTES, to);
	let at = from;
	for (; at < shortEnd; at++) {
		const byte = bytes[at] as number;
		if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) return at;
	}
	for (let windowBytes = FIRST_WINDOW_BYTES; at < to; windowBytes *= 4) {
		const end = Math.min(at + windowBytes, to);
		let window = bytes.subarray(at, end);
		const quote = window.indexOf(QUOTE);
		if (quote >= 0) window = window.subarray(0, quote);
		const backslash = window.indexOf(BACKSLASH);
		if (backslash >= 0) window = window.subarray(0, backslash);
		const control = controlCharacter(window);
		if (control < window.length || at + window.length < end) return at + control;
		at = end;
	}
	return to;
}

/** Offset of the first byte below 0x20, or the length: eight 32-bit words at a time. */
function controlCharacter(bytes: Buffer): number {
	const length = bytes.length;
	let at = 0;
	for (; ((bytes.byteOffset + at) & 3) !== 0 && at < length; at++) {
		if ((bytes[at] as number) < 0x20) return at;
	}
	// Shorter than its way to alignment; a view from here would be refused.
	if (at === length) return length;
	const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, (length - at) >> 2);
	const wordCount = words.length & ~7;
	let word = 0;
	for (; word < wordCount; word += 8) {
		if (
			((below20(words[word] as number) |
				below20(words[word + 1] as number) |
				below20(words[word + 2] as number) |
				below20(words[word + 3] as number) |
				below20(words[word + 4] as number) |
				below20(words[word + 5] as number) |
				below20(words[word + 6] as number) |
				below20(words[word + 7] as number)) &
				0x80808080) !==
			0
		)
			break;
	}
	for (at += word * 4; at < length; at++) if ((bytes[at] as number) < 0x20) return at;
	return length;
}

/** A high bit is set in the result exactly when one of the four bytes is below 0x20 (the "hasless" identity). */
function below20(word: number): number {
	return (word - 0x20202020) & ~word;
}
