// R3 and indexer payloads: base64 of int32 rows, each row a pure function of the ids up to it. Never one big string.
import { rollHash } from "./hash.js";

/** Distinct row patterns; a row is one of them with its own hash worked into its first entries. */
const PATTERNS = 256;
/** Raw bytes encoded at a time: a multiple of 3, so that base64 pieces concatenate. */
const CHUNK_BYTES = 3 * 256 * 1024;

export interface PayloadShape {
	layers: number;
	topK: number;
	/** Entries are in [0, bound). */
	bound: number;
}

/** A base64 text of known length that is produced piece by piece. */
export interface Payload {
	rows: number;
	/** Length of the base64 text. */
	byteLength: number;
	chunks(): Generator<Buffer>;
}

/** Makes payloads of one shape. Equal prefixes of ids give equal rows, as a causal model does. */
export class PayloadMaker {
	readonly #seed: number;
	readonly #bound: number;
	readonly #rowBytes: number;
	/** All patterns one after the other, little-endian int32. */
	readonly #patterns: Buffer;

	constructor(seed: number, shape: PayloadShape) {
		const entries = shape.layers * shape.topK;
		this.#seed = seed;
		this.#bound = shape.bound;
		this.#rowBytes = entries * 4;
		this.#patterns = Buffer.alloc(PATTERNS * this.#rowBytes);
		let state = rollHash(seed, entries);
		for (let entry = 0; entry < PATTERNS * entries; entry++) {
			state = rollHash(state, entry);
			this.#patterns.writeInt32LE((state >>> 1) % shape.bound, entry * 4);
		}
	}

	/** Bytes of one row before base64. */
	get rowBytes(): number {
		return this.#rowBytes;
	}

	/**
	 * The rows [start, ids.length - 1): a row for each id that was fed to the model, so none for the last one.
	 * @param ids prompt and completion
	 */
	make(ids: Int32Array, start: number): Payload {
		const end = Math.max(0, ids.length - 1);
		const first = Math.min(start, end);
		const rows = end - first;
		return {
			rows,
			byteLength: Math.ceil((rows * this.#rowBytes) / 3) * 4,
			chunks: () => this.#encode(ids, first, end),
		};
	}

	*#encode(ids: Int32Array, first: number, end: number): Generator<Buffer> {
		const rowBytes = this.#rowBytes;
		// One row more than a chunk: a chunk ends wherever its bytes do, the rest moves to the front.
		const raw = Buffer.allocUnsafe(CHUNK_BYTES + rowBytes);
		let filled = 0;
		let lane = this.#seed | 0;
		for (let row = 0; row < first; row++) lane = rollHash(lane, ids[row] as number);
		for (let row = first; row < end; row++) {
			lane = rollHash(lane, ids[row] as number);
			this.#writeRow(raw, filled, lane);
			filled += rowBytes;
			while (filled >= CHUNK_BYTES) {
				yield Buffer.from(raw.toString("base64", 0, CHUNK_BYTES), "latin1");
				raw.copyWithin(0, CHUNK_BYTES, filled);
				filled -= CHUNK_BYTES;
			}
		}
		if (filled > 0) yield Buffer.from(raw.toString("base64", 0, filled), "latin1");
	}

	#writeRow(target: Buffer, at: number, lane: number): void {
		const pattern = (lane & (PATTERNS - 1)) * this.#rowBytes;
		this.#patterns.copy(target, at, pattern, pattern + this.#rowBytes);
		// The first four entries (or as many as there are) carry other bits of the hash: rows differ where prefixes do.
		const own = Math.min(16, this.#rowBytes);
		let bits = lane;
		for (let offset = 0; offset < own; offset += 4) {
			bits = rollHash(bits, offset);
			target.writeInt32LE((bits >>> 1) % this.#bound, at + offset);
		}
	}
}

/** The shape for a wanted row size: 8 experts a layer where that divides evenly, else 1. */
export function shapeOfBytes(bytesPerToken: number): { layers: number; topK: number } {
	const entries = bytesPerToken / 4;
	const topK = entries % 8 === 0 ? 8 : 1;
	return { layers: entries / topK, topK };
}
