// Lets one large text be encoded at a time: each takes a thread of the pool that the store needs too, and about 200 bytes
// of memory per byte of text while it lasts. Small texts pass at once.

/** In UTF-16 units; below it an encode takes some tens of milliseconds. */
const LARGE_LENGTH = 256 * 1024;

export class LargeTextGate {
	#busy = false;
	readonly #waiting: Array<() => void> = [];

	/** Runs `encode` when it is this text's turn. */
	async pass<T>(text: string, encode: () => Promise<T>): Promise<T> {
		if (text.length < LARGE_LENGTH) return encode();
		if (this.#busy) await new Promise<void>((resolve) => this.#waiting.push(resolve));
		this.#busy = true;
		try {
			return await encode();
		} finally {
			const next = this.#waiting.shift();
			// Handed on without ever being free, so that no newcomer gets in between.
			if (next === undefined) this.#busy = false;
			else next();
		}
	}
}
