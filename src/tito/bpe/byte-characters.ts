// The characters that stand for bytes in the vocabulary of a byte-level tokenizer. Pure.

/**
 * By byte. Printable ones stand for themselves, the others for characters from U+0100 on
 * (GPT-2's `bytes_to_unicode`, https://github.com/openai/gpt-2/blob/master/src/encoder.py).
 */
export const BYTE_CHARACTERS: readonly string[] = (() => {
	let next = 0x100;
	return Array.from({ length: 256 }, (_, byte) => {
		const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
		return String.fromCharCode(printable ? byte : next++);
	});
})();

/** The bytes that a token of the vocabulary stands for; null when it is none of such characters. */
export function bytesOfToken(token: string): Buffer | null {
	const bytes = Buffer.alloc(token.length);
	for (let at = 0; at < token.length; at++) {
		const byte = BYTE_OF.get(token.charAt(at));
		if (byte === undefined) return null;
		bytes[at] = byte;
	}
	return bytes;
}

const BYTE_OF: ReadonlyMap<string, number> = new Map(
	BYTE_CHARACTERS.map((character, byte) => [character, byte]),
);
