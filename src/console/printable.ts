// Text of others made safe for a terminal: what it says stays readable, nothing in it moves a cursor or hides text. Pure.

/**
 * C0 and C1 controls, DEL, line and paragraph separators, and the marks that turn the direction of text (Unicode UAX 9), with
 * which a line reads otherwise than it is. Lone surrogates cannot be written at all.
 */
const UNSAFE =
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\u001b": "\\e" };

/** One line, with an escape such as `\n` or `\u{9b}` in the place of each character that a terminal would obey. */
export function printable(text: string): string {
	return text.replace(UNSAFE, (found) => SHORT[found] ?? `\\u{${found.charCodeAt(0).toString(16)}}`);
}

/** JSON with nothing in it that a terminal would obey, spelled as JSON's own escapes. */
export function printableJson(value: unknown): string {
	return JSON.stringify(value).replace(
		UNSAFE,
		(found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
}
