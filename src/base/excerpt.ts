// The one shape of what is taken out of an engine's reply: where it stood, and its bytes. Knows no engine and no store.

/** A value's bytes, taken out of a reply; what remains of the reply is JSON still. */
export interface Excerpt {
	/**
	 * Offset in the remaining reply at which the bytes are put back. The quotes of a string and the brackets of a list or an
	 * object remain. A number or a literal remains whole, right after its offset, and its excerpt is empty.
	 */
	offset: number;
	/** The member's name: `prompt_token_ids`, else a replay payload. */
	field: string;
	/** Index of the choice it belongs to. */
	choice: number;
	/** This many of its first bytes equal those of a payload that is stored already; they were compared and not kept. */
	knownBytes: number;
	/** The bytes after those, in one or more pieces; none once they were given back. */
	bytes: readonly Buffer[];
	/** Of all, the known ones included. */
	byteLength: number;
}
