// In how many pieces a request's body is sent: each is a write of its own. Pure.

/** Below this size a whole body is copied into one piece: one write beats the bookkeeping of many. */
const WHOLE_BELOW_BYTES = 256 * 1024;
/** Of a longer body, pieces below this size are copied together; longer ones are sent from where they are. */
const LONG_BYTES = 16 * 1024;

/** The same bytes in as few pieces as pay. */
export function bodyPieces(chunks: readonly Buffer[], byteLength: number): readonly Buffer[] {
	if (byteLength < WHOLE_BELOW_BYTES) return [Buffer.concat(chunks, byteLength)];
	const pieces: Buffer[] = [];
	let short: Buffer[] = [];
	const joinShort = (): void => {
		if (short.length > 0) pieces.push(Buffer.concat(short));
		short = [];
	};
	for (const chunk of chunks) {
		if (chunk.length < LONG_BYTES) {
			short.push(chunk);
			continue;
		}
		joinShort();
		pieces.push(chunk);
	}
	joinShort();
	return pieces;
}
