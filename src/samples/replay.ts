// Replay payloads (routed experts, indexer top-k): base64 of little-endian int32 rows to tensors, every size checked.
import { decodedBytes } from "./deferred-payloads.js";
import { type PathTurn, type PayloadRef, type ReplayTensor, SampleError } from "./sample.js";
import type { KeptTurn } from "./truncate.js";

/** Hands over the base64 text of one payload, in order; resolves after the last piece. */
export type ReadPayload = (turn: number, index: number, take: (piece: Uint8Array) => void) => Promise<void>;

/** Larger replay tensors are deferred: decoded while they are sent. A bad character is then found while sending. */
const HELD_BASE64_BYTES = 4 * 1024 * 1024;

/** Length of the decoded bytes, which are int32: of three possible paddings one gives a multiple of four. */
function decodedLength(base64Length: number): number | null {
	if (base64Length % 4 !== 0) return null;
	for (let padding = 0; padding < 3; padding++) {
		const length = (base64Length / 4) * 3 - padding;
		if (length >= 0 && length % 4 === 0) return length;
	}
	return null;
}

/** Entries per row of `rows` rows; checked from the length alone. @throws SampleError */
function inferTopk(ref: PayloadRef, rows: number, layers: number, what: string): number {
	const byteLength = decodedLength(ref.length);
	if (byteLength === null) throw new SampleError(`${what} is not base64 of int32 values`);
	if (rows === 0) {
		if (byteLength !== 0) throw new SampleError(`${what} has ${byteLength} bytes for 0 rows`);
		return 0;
	}
	const cells = rows * layers * 4;
	if (byteLength === 0 || byteLength % cells !== 0) {
		throw new SampleError(
			`${what} has ${byteLength} bytes, which is no multiple of ${rows} rows x ${layers} layers`,
		);
	}
	return byteLength / cells;
}

/** @throws SampleError when it is not base64 of whole int32 values */
async function decodePayload(
	read: ReadPayload,
	turn: number,
	ref: PayloadRef,
	what: string,
): Promise<Int32Array> {
	const values = new Int32Array((decodedLength(ref.length) ?? 0) / 4);
	const bytes = Buffer.from(values.buffer);
	let charactersRead = 0;
	let decoded = 0;
	let valid = true;
	/** One to four characters: whether the last four are padded is known at the end. */
	let carried: Uint8Array = new Uint8Array(0);
	await read(turn, ref.index, (piece) => {
		charactersRead += piece.length;
		// Decoded as it comes: text and values of a whole payload at once would be more than twice the memory.
		const joined = carried.length === 0 ? piece : Buffer.concat([carried, piece]);
		const whole = Math.max(0, Math.floor((joined.length - 1) / 4) * 4);
		const written = bytes.write(textOf(joined.subarray(0, whole)), decoded, "base64");
		// A character that is none of base64's gives too few bytes.
		valid &&= written === (whole / 4) * 3;
		decoded += written;
		carried = joined.slice(whole);
	});
	const lastQuad = textOf(carried);
	const last = Buffer.from(lastQuad, "base64");
	valid &&= last.length === decodedBytes(lastQuad, true);
	if (!valid || charactersRead !== ref.length || decoded + last.length !== bytes.length) {
		throw new SampleError(`${what} is not base64 of int32 values`);
	}
	bytes.set(last, decoded);
	return values;
}

function textOf(base64: Uint8Array): string {
	return Buffer.from(base64.buffer, base64.byteOffset, base64.byteLength).toString("latin1");
}

/** Rows of a turn's whole sequence as the engine saw it; the last sampled id was never an input. */
function fullRows(turn: { promptLength: number; source: PathTurn }): number {
	return Math.max(0, turn.promptLength + turn.source.completionIds.length - 1);
}

/** Checks a turn's full payloads by their lengths. @throws SampleError */
export function checkFullPayload(
	turn: { promptLength: number; number: number; source: PathTurn },
	field: "routedExperts" | "indexerTopk",
	layers: number | null,
): void {
	const ref = turn.source.meta[field];
	if (ref === null) return;
	const what = `${field === "routedExperts" ? "routed_experts" : "indexer_topk"} of turn ${turn.number}`;
	inferTopk(ref, fullRows(turn), layersOf(layers, what), what);
}

/** The last turn's payload, cut to the sample's rows; null when it has none. @throws SampleError */
export async function readFull(
	turn: KeptTurn,
	field: "routedExperts" | "indexerTopk",
	layersOrNull: number | null,
	read: ReadPayload,
): Promise<ReplayTensor | null> {
	const ref = turn.source.meta[field];
	if (ref === null) return null;
	const what = `${field === "routedExperts" ? "routed_experts" : "indexer_topk"} of turn ${turn.number}`;
	const layers = layersOf(layersOrNull, what);
	const topk = inferTopk(ref, fullRows(turn), layers, what);
	if (ref.dropped === true) {
		throw new SampleError(
			`${what} was given up by --r3-keep latest, but the sample ends with that turn; start the cluster with --r3-keep all`,
		);
	}
	const rows = Math.max(0, turn.promptLength + turn.outLength - 1);
	const wanted: WantedPayload[] = [{ turn: turn.source.turn, ref, what }];
	return tensorOf(wanted, [rows, layers, topk], read);
}

interface WantedPayload {
	turn: number;
	ref: PayloadRef;
	what: string;
}

/** The payloads' values one after the other, as many as the shape has; more than `HELD_BASE64_BYTES` of text are deferred. */
async function tensorOf(
	wanted: readonly WantedPayload[],
	shape: readonly [number, number, number],
	read: ReadPayload,
): Promise<ReplayTensor> {
	let left = shape.reduce((cells, side) => cells * side, 4);
	if (wanted.reduce((sum, { ref }) => sum + ref.length, 0) > HELD_BASE64_BYTES) {
		const deferred = wanted.map(({ turn, ref, what }) => {
			const byteLength = Math.min(left, decodedLength(ref.length) ?? 0);
			left -= byteLength;
			return { turn, index: ref.index, base64Length: ref.length, byteLength, what };
		});
		return { values: null, deferred, shape };
	}
	const all: Int32Array[] = [];
	for (const { turn, ref, what } of wanted) all.push(await decodePayload(read, turn, ref, what));
	const [only] = all;
	if (all.length === 1 && only?.byteLength === left) return { values: only, shape };
	const values = new Int32Array(left / 4);
	let at = 0;
	for (const piece of all) {
		const part = piece.subarray(0, values.length - at);
		values.set(part, at);
		at += part.length;
	}
	return { values, shape };
}

/**
 * Routed experts where each turn holds only its new rows: those after the rows of the turns before it.
 * @param turns the path's turns; those past the needed rows may lack theirs
 * @param needed rows
 * @throws SampleError with `additional R3`
 */
export async function readIncremental(
	turns: ReadonlyArray<{ promptLength: number; number: number; source: PathTurn }>,
	needed: number,
	layersOrNull: number | null,
	read: ReadPayload,
): Promise<ReplayTensor | null> {
	if (turns.every(({ source }) => source.meta.routedExperts === null)) return null;
	const layers = layersOf(layersOrNull, "additional R3");
	const wanted: WantedPayload[] = [];
	let covered = 0;
	let topk = 0;
	for (const turn of turns) {
		if (covered >= needed) break;
		const ref = turn.source.meta.routedExperts;
		const start = turn.source.routedExpertsStartLen;
		const refuse = (why: string) => new SampleError(`additional R3: turn ${turn.number} ${why}`);
		if (ref === null) throw refuse(`has no payload, but rows from ${covered} to ${needed} are needed`);
		if (start === null) throw refuse("has no recorded routed_experts_start_len");
		if (start !== covered) throw refuse(`starts at row ${start}, but ${covered} rows are covered`);
		const end = fullRows(turn);
		if (end < start) throw refuse(`ends at row ${end}, before its start ${start}`);
		if ((ref.length === 0) !== (end === start)) {
			throw refuse(`has ${ref.length === 0 ? "an empty" : "a non-empty"} payload for ${end - start} rows`);
		}
		if (end === start) continue;
		const what = `additional R3: routed_experts of turn ${turn.number}`;
		const own = inferTopk(ref, end - start, layers, what);
		if (topk !== 0 && own !== topk) throw refuse(`has top-k ${own}, the turns before it have ${topk}`);
		topk = own;
		wanted.push({ turn: turn.source.turn, ref, what });
		covered = end;
	}
	if (covered < needed) throw new SampleError(`additional R3: ${covered} rows are covered of ${needed}`);
	return tensorOf(wanted, [needed, layers, topk], read);
}

function layersOf(layers: number | null, what: string): number {
	if (layers !== null && layers > 0) return layers;
	throw new SampleError(
		`${what}: the number of layers is not known (num_hidden_layers in the checkpoint's config.json, or indexer_topk_num_layers)`,
	);
}
