// Finds the marks that the runner writes between a command's output: what it says of the command's beginning and end. Pure.

/** More has no mark of the runner's: a command that read the nonce and writes the beginning of one does not have us hold all that follows. */
const LONGEST_WORDS = 128;

/** Of one stream. A mark is a NUL, the run's own nonce, a blank, words and a newline. */
export class MarkFinder {
	readonly #start: Buffer;
	#held: Buffer = Buffer.alloc(0);

	/** @param nonce unguessable, so that no output has it by chance */
	constructor(nonce: string) {
		this.#start = Buffer.from(`\0${nonce} `);
	}

	/** Output (bytes) and marks (their words), in order. The end of the chunk is held back while it may be a mark's beginning. */
	push(chunk: Buffer): Array<Buffer | string> {
		const found: Array<Buffer | string> = [];
		let data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
		for (;;) {
			const at = data.indexOf(this.#start);
			const end = at < 0 ? -1 : data.indexOf("\n", at);
			const wordsAt = at + this.#start.length;
			if (at >= 0 && (end < 0 ? data.length : end) - wordsAt > LONGEST_WORDS) {
				found.push(data.subarray(0, wordsAt));
				data = data.subarray(wordsAt);
				continue;
			}
			if (end < 0) {
				const kept = at < 0 ? this.#outputEnd(data) : at;
				if (kept > 0) found.push(data.subarray(0, kept));
				this.#held = data.subarray(kept);
				return found;
			}
			if (at > 0) found.push(data.subarray(0, at));
			found.push(data.toString("latin1", wordsAt, end));
			data = data.subarray(end + 1);
		}
	}

	/** What was held back of a stream that has ended. */
	rest(): Buffer {
		return this.#held;
	}

	/** Where a mark may begin that the next chunk completes. Only its first byte is a NUL, so it is the last one that counts. */
	#outputEnd(data: Buffer): number {
		const window = data.subarray(Math.max(0, data.length - this.#start.length + 1));
		const nul = window.lastIndexOf(0);
		if (nul < 0) return data.length;
		const part = window.subarray(nul);
		const begins = part.equals(this.#start.subarray(0, part.length));
		return begins ? data.length - part.length : data.length;
	}
}
