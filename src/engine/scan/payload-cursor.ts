// How an earlier payload is read, as far as a comparison needs it. An interface: what is stored, and where, is the caller's.

/** Reads an earlier payload from its beginning. */
export interface PayloadCursor {
	/** Fills `buffer` from its start; fewer bytes only at the end, 0 after it. */
	read(buffer: Buffer): Promise<number>;
	/**
	 * As `read`, at once. An empty buffer asks whether that may go on: null when the bytes must be awaited. From that
	 * answer on every call is answered with null, and reads nothing.
	 */
	readNow(buffer: Buffer): number | null;
	close(): Promise<void>;
}
