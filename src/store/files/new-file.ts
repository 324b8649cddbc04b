// Makes a file with its first frame, so that it has its name only when it is whole. Knows no sessions.

import {
	encodeFrame,
	encodeFrameHead,
	type FrameShape,
	type NewFrame,
	SMALL_FRAME_BYTES,
	writeFrame,
} from "./frame-writer.js";
import { encodeHead, type FileHead, seedOf } from "./head.js";
import type { Medium } from "./medium.js";
import { encodeSlot, FRAMES_AT, type Slot, SUCCESSOR_AT, slotAt } from "./slots.js";
import type { Steps } from "./steps.js";

/** That of the slot which commits a file's first frame. Both slots do: a bad one is never taken for one not yet written. */
const FIRST_SEQUENCE = 2;

export interface NewFile {
	path: string;
	/** What it is called until it is whole. */
	unfinishedPath: string;
	directory: string;
	head: FileHead;
	slot: Omit<Slot, "sequence">;
	frame: Omit<NewFrame, "sequence" | "at" | "seed">;
	shape: FrameShape;
	/** Writes the parts' bytes in place of the frame's bodies; returns the sums of their blocks. */
	writeBody?: (fd: number, at: number) => Steps<readonly number[]>;
	/** It, and its name, are on the medium before this is over. */
	durable: boolean;
	/** Zeros behind the frame, so that room is there for the next ones. */
	ahead?: number;
}

export interface MadeFile {
	fd: number;
	seed: number;
	slot: Slot;
	crcs: readonly number[];
	/** When others could find it, as `performance.now()` has it. */
	namedAtMs: number;
}

/** Throws as the system does; then nothing is left of it. */
export function* makeFile(medium: Medium, file: NewFile): Steps<MadeFile> {
	const { path, unfinishedPath, directory, shape, durable, writeBody, ahead = 0 } = file;
	const head = encodeHead(file.head);
	const seed = seedOf(head);
	const slot = { ...file.slot, sequence: FIRST_SEQUENCE };
	const isSmall = shape.frameBytes <= SMALL_FRAME_BYTES && writeBody === undefined;
	const start = Buffer.allocUnsafe(FRAMES_AT + (isSmall ? shape.frameBytes : 0));
	head.copy(start, 0);
	start.fill(0, SUCCESSOR_AT, FRAMES_AT);
	for (const sequence of [FIRST_SEQUENCE - 1, FIRST_SEQUENCE]) {
		encodeSlot({ ...slot, sequence }, seed, start.subarray(slotAt(sequence), slotAt(sequence) + 64));
	}
	const frame = { ...file.frame, sequence: FIRST_SEQUENCE, at: FRAMES_AT, seed };
	const fd = yield* medium.open(unfinishedPath, "wx+");
	let present = unfinishedPath;
	try {
		let crcs: readonly number[];
		if (isSmall) crcs = encodeFrame(start.subarray(FRAMES_AT), frame, shape);
		else if (writeBody === undefined) crcs = yield* writeFrame(medium, fd, frame, shape);
		else {
			crcs = yield* writeBody(fd, FRAMES_AT + shape.headBytes);
			const head = Buffer.allocUnsafeSlow(shape.headBytes);
			encodeFrameHead(head, frame, shape, crcs);
			yield* medium.writeMany(fd, [head], FRAMES_AT);
		}
		yield* medium.write(fd, start, 0);
		if (ahead > 0) yield* medium.write(fd, Buffer.alloc(ahead), FRAMES_AT + shape.frameBytes);
		if (durable) yield* medium.flush(fd);
		yield* medium.rename(unfinishedPath, path);
		present = path;
		const namedAtMs = performance.now();
		if (durable) yield* medium.flushDirectory(directory);
		return { fd, seed, slot, crcs, namedAtMs };
	} catch (error) {
		medium.close(fd);
		try {
			// Also under its name: the next owner would take it for the newest, and lose what its caller goes on to commit elsewhere.
			yield* medium.remove(present, 0);
		} catch {
			// An unfinished one is removed with the next open.
		}
		throw error;
	}
}
