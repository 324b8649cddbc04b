// Sampling masks: the ids that each token was sampled from, of all turns of a sample, as rows one after the other (CSR).
import type { MergedTurns } from "./merge.js";
import type { ReadPayload } from "./replay.js";
import { type PayloadRef, SampleError, type SamplingMask } from "./sample.js";
import type { KeptTurn } from "./truncate.js";

const MAX_INT32 = 2 ** 31 - 1;

/**
 * The mask of a whole sample: one row for each token after the first prompt. A sampled token has the ids it was sampled
 * from; one that a client or the template put could only be itself. Null when no turn has one.
 * @throws SampleError when only some of the turns have one, or a turn's is not one row of ids for each sampled id
 */
export async function readSamplingMask(
	turns: readonly KeptTurn[],
	merged: Pick<MergedTurns, "count" | "tokens" | "responseLength">,
	read: ReadPayload,
): Promise<SamplingMask | null> {
	const used = turns.slice(0, merged.count);
	// Nothing was sampled in an aborted turn without ids: there is nothing to say of it.
	const sampled = used.filter(({ source }) => source.completionIds.length > 0);
	const without = sampled.find(({ source }) => source.meta.samplingMask === null);
	if (sampled.length === 0 || sampled.every(({ source }) => source.meta.samplingMask === null)) return null;
	if (without !== undefined)
		throw new SampleError(
			`output_token_sampling_mask: turn ${without.number} has none, but other turns of the sample have; start every engine with sampling replay, or none`,
		);
	const base = merged.tokens.length - merged.responseLength;
	const offsets = new Int32Array(merged.responseLength + 1);
	const ids = new Int32List();
	let at = base;
	const forced = (until: number) => {
		for (; at < until; at++) {
			ids.push(merged.tokens[at] as number);
			offsets[at - base + 1] = ids.length;
		}
	};
	for (const turn of used) {
		forced(turn.promptLength);
		const ref = turn.source.meta.samplingMask;
		if (ref === null) continue;
		const what = `output_token_sampling_mask of turn ${turn.number}`;
		const rows = await readRows(read, turn.source.turn, ref, what);
		const { completionIds } = turn.source;
		if (rows.ends.length !== completionIds.length)
			throw new SampleError(`${what} has ${rows.ends.length} rows for ${completionIds.length} sampled ids`);
		for (let row = 0; row < turn.outLength; row++, at++) {
			const start = row === 0 ? 0 : rows.ends.at(row - 1);
			const own = rows.ids.view(start, rows.ends.at(row));
			const id = completionIds[row] as number;
			if (!own.includes(id)) throw new SampleError(`${what}: row ${row} lacks the id ${id} that was sampled`);
			ids.append(own);
			if (ids.length > MAX_INT32) throw new SampleError(`${what}: more than ${MAX_INT32} ids in one sample`);
			offsets[at - base + 1] = ids.length;
		}
	}
	return { ids: ids.toArray(), offsets };
}

interface Rows {
	ids: Int32List;
	/** Ends of the rows in `ids`. */
	ends: Int32List;
}

const [COMMA, ZERO, NINE, OPEN, CLOSE] = [0x2c, 0x30, 0x39, 0x5b, 0x5d] as const;
const SPACES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** `[1,2],[3]`, read as it comes: a mask may have megabytes, and would be far more as values. @throws SampleError */
async function readRows(read: ReadPayload, turn: number, ref: PayloadRef, what: string): Promise<Rows> {
	if (ref.dropped === true)
		throw new SampleError(`${what} was given up by --r3-keep latest; start the cluster with --r3-keep all`);
	const rows: Rows = { ids: new Int32List(), ends: new Int32List() };
	const wrong = () => new SampleError(`${what} is not a list of lists of token ids`);
	let inside = false;
	/** The number that is being read; -1 between numbers. */
	let value = -1;
	/** What the next comma or bracket ends: nothing yet, or an id or row that is whole. */
	let item = false;
	let comma = false;
	const endNumber = () => {
		if (value < 0) return;
		rows.ids.push(value);
		value = -1;
		item = true;
		comma = false;
	};
	let bytesRead = 0;
	await read(turn, ref.index, (piece) => {
		bytesRead += piece.length;
		for (const byte of piece) {
			if (byte >= ZERO && byte <= NINE) {
				if (!inside || (item && value < 0)) throw wrong();
				value = Math.max(value, 0) * 10 + byte - ZERO;
				if (value > MAX_INT32) throw wrong();
				continue;
			}
			endNumber();
			if (byte === COMMA) {
				if (!item) throw wrong();
				item = false;
				comma = true;
			} else if (byte === OPEN) {
				if (inside || item) throw wrong();
				inside = true;
				comma = false;
			} else if (byte === CLOSE) {
				if (!inside || comma) throw wrong();
				inside = false;
				item = true;
				rows.ends.push(rows.ids.length);
			} else if (!SPACES.has(byte)) throw wrong();
		}
	});
	if (inside || comma || bytesRead !== ref.length) throw wrong();
	return rows;
}

/** Ids that grow in number, without a JavaScript number for each. */
class Int32List {
	#values = new Int32Array(1024);
	#length = 0;

	get length(): number {
		return this.#length;
	}

	at(index: number): number {
		return this.#values[index] as number;
	}

	view(start: number, end: number): Int32Array {
		return this.#values.subarray(start, end);
	}

	push(value: number): void {
		this.#reserve(1);
		this.#values[this.#length++] = value;
	}

	append(values: Int32Array): void {
		this.#reserve(values.length);
		this.#values.set(values, this.#length);
		this.#length += values.length;
	}

	toArray(): Int32Array {
		return this.#values.slice(0, this.#length);
	}

	#reserve(count: number): void {
		if (this.#length + count <= this.#values.length) return;
		const grown = new Int32Array(Math.max(this.#values.length * 2, this.#length + count));
		grown.set(this.#values);
		this.#values = grown;
	}
}
