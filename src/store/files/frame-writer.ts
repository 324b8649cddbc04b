// Writes one frame into a file: a small one at once, a large one in stretches that hold nobody up. Decides no place.
import { crc32 } from "node:zlib";
import type { Body } from "../plan/commit-plan.js";
import { blockCount } from "../plan/image.js";
import { byteLength } from "../plan/pieces.js";
import { BlockSums } from "./checksum.js";
import { FRAME_HEADER_BYTES, writeFrameHeader } from "./frames.js";
import type { Medium } from "./medium.js";
import type { Steps } from "./steps.js";

/** Up to this size a frame is put together in memory and written in one call. */
export const SMALL_FRAME_BYTES = 256 * 1024;
/** Of a larger one, so much is summed and handed to the system at once: about a millisecond. */
const STRETCH_BYTES = 4 * 1024 * 1024;

export interface NewFrame {
	text: string;
	/** Of each part. */
	bodies: readonly Body[];
	/** Of all of them. */
	bytes: number;
	sequence: number;
	at: number;
	/** That of the file. */
	seed: number;
}

export interface FrameShape {
	jsonBytes: number;
	blocks: number;
	/** From the frame's begin to its parts. */
	headBytes: number;
	frameBytes: number;
}

export function shapeOf({ text, bodies, bytes }: Pick<NewFrame, "text" | "bodies" | "bytes">): FrameShape {
	const jsonBytes = Buffer.byteLength(text);
	let blocks = 0;
	for (const body of bodies) blocks += blockCount(byteLength(body));
	const headBytes = FRAME_HEADER_BYTES + jsonBytes + 4 * blocks;
	return { jsonBytes, blocks, headBytes, frameBytes: headBytes + bytes };
}

/** Puts a whole frame into `into`, which has room for it; returns the sums of its parts' blocks. */
export function encodeFrame(into: Buffer, frame: NewFrame, shape: FrameShape): readonly number[] {
	const sums = new BlockSums();
	let at = shape.headBytes;
	for (const body of frame.bodies) {
		for (const piece of body) {
			sums.add(piece);
			into.set(piece, at);
			at += piece.length;
		}
		sums.end();
	}
	encodeFrameHead(into, frame, shape, sums.sums);
	return sums.sums;
}

/** What stands before the parts. */
export function encodeFrameHead(
	into: Buffer,
	{ text, sequence, at, seed }: Pick<NewFrame, "text" | "sequence" | "at" | "seed">,
	{ jsonBytes, blocks, headBytes, frameBytes }: FrameShape,
	crcs: readonly number[],
): void {
	into.write(text, FRAME_HEADER_BYTES, "utf8");
	let table = FRAME_HEADER_BYTES + jsonBytes;
	for (const crc of crcs) table = into.writeUInt32LE(crc, table);
	const headCrc = crc32(into.subarray(FRAME_HEADER_BYTES, headBytes));
	writeFrameHeader(into, { jsonBytes, blocks, headCrc, frameBytes, sequence, at }, seed);
}

const scratch = Buffer.allocUnsafeSlow(SMALL_FRAME_BYTES);

/** Returns the sums of its parts' blocks. Nothing of it counts before a slot says so. Throws as the system does. */
export function* writeFrame(
	medium: Medium,
	fd: number,
	frame: NewFrame,
	shape: FrameShape,
): Steps<readonly number[]> {
	if (shape.frameBytes > SMALL_FRAME_BYTES) return yield* writeLarge(medium, fd, frame, shape);
	const beganMs = medium.begin();
	// A write that is waited for needs memory of its own: the scratch is everybody's.
	const whole =
		beganMs === null ? Buffer.allocUnsafeSlow(shape.frameBytes) : scratch.subarray(0, shape.frameBytes);
	const crcs = encodeFrame(whole, frame, shape);
	if (beganMs === null) yield* medium.writeMany(fd, [whole], frame.at);
	else yield* medium.now.write(fd, whole, frame.at);
	return crcs;
}

function* writeLarge(
	medium: Medium,
	fd: number,
	frame: NewFrame,
	shape: FrameShape,
): Steps<readonly number[]> {
	const sums = new BlockSums();
	let at = frame.at + shape.headBytes;
	let stretch: Uint8Array[] = [];
	let bytes = 0;
	for (const body of frame.bodies) {
		for (const piece of body) {
			for (let from = 0; from < piece.length; from += STRETCH_BYTES) {
				const part = piece.subarray(from, from + STRETCH_BYTES);
				sums.add(part);
				stretch.push(part);
				bytes += part.length;
				if (bytes < STRETCH_BYTES) continue;
				yield* medium.writeMany(fd, stretch, at);
				at += bytes;
				stretch = [];
				bytes = 0;
			}
		}
		sums.end();
	}
	yield* medium.writeMany(fd, stretch, at);
	const head = Buffer.allocUnsafeSlow(shape.headBytes);
	encodeFrameHead(head, frame, shape, sums.sums);
	yield* medium.writeMany(fd, [head], frame.at);
	return sums.sums;
}
