// Reads parts of turns from a session's files: whole, in pieces, or into the caller's memory. Hands on no byte of a part
// whose checksum does not hold, but by a cursor, whose bytes are only compared.
import type { TurnId } from "../../base/ids.js";
import { run, type Steps } from "../files/steps.js";
import { BLOCK_BYTES } from "../plan/image.js";
import type { PrefixMatch } from "../plan/pieces.js";
import type { PartCursor, PartName } from "../store.js";
import { type PartReaderParts, type PartView, PIECE_BYTES, Reading } from "./part-reading.js";

const COMPARE_BYTES = 64 * 1024;
/** Read without letting others have a turn. */
const SLICE_BYTES = 2 * 1024 * 1024;

export class PartReader {
	readonly #parts: PartReaderParts;

	constructor(parts: PartReaderParts) {
		this.#parts = parts;
	}

	*part(view: PartView, turn: TurnId, part: PartName): Steps<Buffer> {
		const reading = new Reading(this.#parts, view, turn, part);
		const whole = Buffer.allocUnsafeSlow(reading.length);
		let unpaused = 0;
		for (let at = 0; at < whole.length; ) {
			const bytes = yield* reading.checked(whole, at, true);
			at += bytes;
			unpaused += bytes;
			if (unpaused < SLICE_BYTES || at === whole.length) continue;
			unpaused = 0;
			yield* this.#parts.medium.pause();
		}
		reading.check();
		return whole;
	}

	async *stream(
		view: PartView,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncGenerator<Buffer> {
		const reading = new Reading(this.#parts, view, turn, part);
		const { begun, ended, medium } = this.#parts;
		const own = buffers === undefined || buffers.some(({ length }) => length < BLOCK_BYTES);
		const size = Math.min(PIECE_BYTES, Math.ceil(reading.length / BLOCK_BYTES) * BLOCK_BYTES);
		const into = own ? [Buffer.allocUnsafeSlow(size)] : buffers;
		begun?.(view);
		try {
			let [piecesRead, unpaused] = [0, 0];
			for (let at = 0; at < reading.length; ) {
				const buffer = into[piecesRead++ % into.length] as Buffer;
				const bytes = await run(reading.fill(buffer));
				at += bytes;
				unpaused += bytes;
				reading.check();
				if (buffers === undefined || !own) yield buffer.subarray(0, bytes);
				else yield* inPieces(buffer.subarray(0, bytes), buffers, () => reading.check());
				if (unpaused >= SLICE_BYTES) {
					unpaused = 0;
					await run(medium.pause());
				}
				reading.check();
			}
		} finally {
			ended?.(view);
		}
	}

	/** Compares a part's bytes from `from` on with others, up to the first difference. */
	*compare(view: PartView, turn: TurnId, part: PartName, from: number, match: PrefixMatch): Steps<void> {
		const reading = new Reading(this.#parts, view, turn, part);
		reading.skip(from);
		const buffer = Buffer.allocUnsafeSlow(COMPARE_BYTES);
		let unpaused = 0;
		for (;;) {
			const bytes = yield* reading.unchecked(buffer, this.#parts.medium);
			if (bytes === 0 || !match.take(buffer.subarray(0, bytes))) return;
			unpaused += bytes;
			if (unpaused < SLICE_BYTES) continue;
			unpaused = 0;
			yield* this.#parts.medium.pause();
		}
	}

	/** Bytes as they are: its caller compares them with others that are right. */
	cursor(view: PartView, turn: TurnId, part: PartName): PartCursor {
		const reading = new Reading(this.#parts, view, turn, part);
		const { begun, ended, medium } = this.#parts;
		let [isOpen, isSlow] = [true, false];
		begun?.(view);
		return {
			readNow(buffer) {
				if (buffer.length === 0) isSlow ||= medium.begin() === null;
				if (isSlow) return null;
				return run(reading.unchecked(buffer, medium.now)) as number;
			},
			async read(buffer) {
				return run(reading.unchecked(buffer, medium));
			},
			async close() {
				if (isOpen) ended?.(view);
				isOpen = false;
			},
		};
	}
}

function* inPieces(bytes: Buffer, buffers: readonly Buffer[], check: () => void): Generator<Buffer> {
	let index = 0;
	for (let at = 0; at < bytes.length; ) {
		const buffer = buffers[index++ % buffers.length] as Buffer;
		const copied = bytes.copy(buffer, 0, at);
		at += copied;
		yield buffer.subarray(0, copied);
		check();
	}
}
