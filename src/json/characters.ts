// Classes of characters in the grammar of JSON, by byte or UTF-16 unit. Pure.

/** JSON's white space; undefined, past the end, is none. */
export function isSpace(byte: number | undefined): boolean {
	// Most bytes are no space: for those it is one comparison.
	return (
		byte !== undefined && byte <= 0x20 && (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09)
	);
}

export function isHexDigit(byte: number | undefined): boolean {
	return (
		byte !== undefined &&
		((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66))
	);
}

/** One of `" \ / b f n r t`. */
export function isSimpleEscape(byte: number): boolean {
	return (
		byte === 0x22 ||
		byte === 0x5c ||
		byte === 0x2f ||
		byte === 0x62 ||
		byte === 0x66 ||
		byte === 0x6e ||
		byte === 0x72 ||
		byte === 0x74
	);
}

export function isDigit(byte: number | undefined): boolean {
	return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
