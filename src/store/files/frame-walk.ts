// Reads the frames of a file one after the other: their heads, and where it matters the bytes of their parts. Writes nothing.
import { BLOCK_BYTES } from "../plan/image.js";
import { decodeOps, partLengths } from "../plan/op-text.js";
import { BlockCheck } from "./checksum.js";
import {
	decodeFrameHead,
	FRAME_HEADER_BYTES,
	FRAME_MAGIC,
	type FrameHeader,
	headBytesOf,
	readFrameHeader,
} from "./frames.js";
import type { Medium } from "./medium.js";
import type { Steps } from "./steps.js";

/** Read at once around what is asked for: as a rule a whole frame's head. */
const AHEAD_BYTES = 4096;
const SCAN_BYTES = 1024 * 1024;

/** Reads stretches of one file; what was read ahead is not read again. Each is valid until the next one is asked for. */
export class Stretches {
	readonly #medium: Medium;
	readonly #fd: number;
	#buffer: Buffer;
	#at = 0;
	#length = 0;
	#knownSize: number | null = null;

	constructor(medium: Medium, fd: number, buffer: Buffer = Buffer.allocUnsafeSlow(AHEAD_BYTES)) {
		this.#medium = medium;
		this.#fd = fd;
		this.#buffer = buffer;
	}

	/** Of the file, when a read has met its end. */
	get knownSize(): number | null {
		return this.#knownSize;
	}

	/** Fewer bytes only at the file's end. */
	*get(at: number, length: number): Steps<Buffer> {
		if (at < this.#at || at + length > this.#at + this.#length) {
			if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(length);
			this.#length = 0;
			this.#length = yield* this.#medium.read(this.#fd, this.#buffer, at);
			this.#at = at;
			if (this.#length > 0 && this.#length < this.#buffer.length) this.#knownSize = at + this.#length;
		}
		return this.#buffer.subarray(at - this.#at, Math.min(this.#length, at - this.#at + length));
	}
}

export interface WalkedFrame {
	at: number;
	header: FrameHeader;
	text: string;
	crcs: number[];
	/** Where its parts begin. */
	bodyAt: number;
}

/** Null when no whole head stands there. */
export function* frameAt(stretches: Stretches, at: number, seed: number): Steps<WalkedFrame | null> {
	const header = readFrameHeader(yield* stretches.get(at, FRAME_HEADER_BYTES), at, seed);
	if (header === null) return null;
	const length = headBytesOf(header);
	const head = decodeFrameHead(header, yield* stretches.get(at + FRAME_HEADER_BYTES, length));
	return head === null ? null : { at, header, ...head, bodyAt: at + FRAME_HEADER_BYTES + length };
}

/** Whether the bytes of a frame's parts are what they were. */
function* isBodyWhole(medium: Medium, fd: number, frame: WalkedFrame): Steps<boolean> {
	if (frame.header.blocks === 0) return true;
	const buffer = Buffer.allocUnsafeSlow(BLOCK_BYTES);
	let at = frame.bodyAt;
	let block = 0;
	for (const length of partLengths(decodeOps(frame.text).ops)) {
		const check = new BlockCheck(frame.crcs.slice(block, block + Math.ceil(length / BLOCK_BYTES)));
		for (let read = 0; read < length; ) {
			const piece = buffer.subarray(0, Math.min(BLOCK_BYTES, length - read));
			if ((yield* medium.read(fd, piece, at)) < piece.length || !check.add(piece)) return false;
			read += piece.length;
			at += piece.length;
		}
		if (!check.end()) return false;
		block += Math.ceil(length / BLOCK_BYTES);
	}
	return true;
}

/** End of the last frame that is whole together with all before it, and whether a whole one stands behind that. */
export function* walkInDoubt(
	medium: Medium,
	fd: number,
	from: number,
	to: number,
	seed: number,
): Steps<{ wholeUpTo: number; wholeAfter: boolean }> {
	const stretches = new Stretches(medium, fd);
	let at = from;
	while (at < to) {
		const frame = yield* wholeFrame(medium, fd, stretches, at, to, seed);
		if (frame === null)
			return { wholeUpTo: at, wholeAfter: yield* hasWholeFrame(medium, fd, at + 1, to, seed) };
		at += frame.header.frameBytes;
	}
	return { wholeUpTo: at, wholeAfter: false };
}

function* wholeFrame(
	medium: Medium,
	fd: number,
	stretches: Stretches,
	at: number,
	to: number,
	seed: number,
): Steps<WalkedFrame | null> {
	const frame = yield* frameAt(stretches, at, seed);
	if (frame === null || at + frame.header.frameBytes > to) return null;
	return (yield* isBodyWhole(medium, fd, frame)) ? frame : null;
}

function* hasWholeFrame(medium: Medium, fd: number, from: number, to: number, seed: number): Steps<boolean> {
	const stretches = new Stretches(medium, fd);
	const buffer = Buffer.allocUnsafeSlow(SCAN_BYTES);
	for (let at = from; at < to; ) {
		const length = yield* medium.read(fd, buffer.subarray(0, Math.min(SCAN_BYTES, to - at)), at);
		const bytes = buffer.subarray(0, length);
		for (let found = bytes.indexOf(FRAME_MAGIC); found >= 0; found = bytes.indexOf(FRAME_MAGIC, found + 1)) {
			if ((yield* wholeFrame(medium, fd, stretches, at + found, to, seed)) !== null) return true;
		}
		if (length < FRAME_MAGIC.length) return false;
		// One that stands across the end of the stretch begins in the next.
		at += length - FRAME_MAGIC.length + 1;
	}
	return false;
}
