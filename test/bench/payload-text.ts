// Replay payloads of any length as views of one text: the same rows for the same places, as those of one growing history are. Pure.

/** Rows that a payload may have: sessions of the benchmarks end below. */
const MOST_ROWS = 125_000;

export class PayloadText {
	readonly #bytesPerToken: number;
	readonly #raw: Buffer;
	readonly #text: Buffer;

	constructor(bytesPerToken: number) {
		this.#bytesPerToken = bytesPerToken;
		// int32 below 128, as the ids of experts are: three zero bytes in four.
		this.#raw = Buffer.alloc(MOST_ROWS * bytesPerToken);
		let state = 1;
		for (let at = 0; at < this.#raw.length; at += 4) {
			state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
			this.#raw[at] = (state >>> 16) & 127;
		}
		this.#text = Buffer.from(this.#raw.toString("base64"), "latin1");
	}

	/** `"routed_experts":"...",` in pieces. */
	member(rows: number): Buffer[] {
		const bytes = rows * this.#bytesPerToken;
		if (bytes > this.#raw.length) throw new Error(`no payload of ${rows} rows`);
		// Base64 is in groups of three bytes; the last one may be cut.
		const whole = bytes - (bytes % 3);
		return [
			Buffer.from('"routed_experts":"'),
			this.#text.subarray(0, (whole / 3) * 4),
			Buffer.from(`${this.#raw.toString("base64", whole, bytes)}",`),
		];
	}
}
