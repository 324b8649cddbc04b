// Writes a session anew into one file, without what nobody needs any more. The old files go when the new one is there.
import { RollpinError } from "../../base/errors.js";
import { BlockSums } from "../files/checksum.js";
import { type Descriptors, OpenFile } from "../files/descriptors.js";
import { FRAME_HEADER_BYTES } from "../files/frames.js";
import type { Medium } from "../files/medium.js";
import { makeFile } from "../files/new-file.js";
import { FRAMES_AT } from "../files/slots.js";
import type { Steps } from "../files/steps.js";
import {
	type AppendedPart,
	BLOCK_BYTES,
	blockCount,
	type FrameOp,
	type ImageTurn,
	neededBytes,
	type PartPlace,
	type SessionImage,
} from "../plan/image.js";
import { encodeOps } from "../plan/op-text.js";
import type { PartName } from "../store.js";
import { fileName, stampText, UNFINISHED } from "./names.js";
import { removeQuietly } from "./quiet-removal.js";
import { Damage, type Segment } from "./session-files.js";
import { confirmNewFile, type WriterParts } from "./session-writer.js";
import type { StoredSession } from "./stored-session.js";

/** Less garbage than this is not worth a rewrite. */
const LITTLE_BYTES = 1024 * 1024;
/** Nor are so few files. */
const FEW_FILES = 8;
const COPY_BYTES = 8 * BLOCK_BYTES;

/** More than half as much of its bytes as it needs are needed by nobody, or it is in many files. Pure. */
export function needsRewrite(
	session: Pick<StoredSession, "segments" | "bytes">,
	image: SessionImage,
): boolean {
	const needed = image.neededBytes;
	return session.segments.length > FEW_FILES || session.bytes - needed > Math.max(LITTLE_BYTES, needed / 2);
}

/** What is copied: the first own bytes of a place. */
interface Copy {
	place: PartPlace;
	bytes: number;
}

/** The session as one frame. Pure. */
function snapshot(image: SessionImage): { ops: FrameOp[]; copies: Copy[] } {
	const ops: FrameOp[] = [{ op: "record", record: image.record }];
	const copies: Copy[] = [];
	for (const [turn, { headerText, parts }] of image.turns()) {
		const appended: AppendedPart[] = [];
		for (const [name, place] of parts) {
			const { length, base, lent, dropped } = place;
			const stored = neededBytes(place);
			appended.push({
				...{ name, length, stored },
				...(base === undefined ? {} : { base }),
				...(lent === undefined ? {} : { lent }),
				...(dropped === undefined ? {} : { dropped }),
			});
			copies.push({ place, bytes: stored });
		}
		ops.push({ op: "turn", turn, headerText, parts: appended });
	}
	return { ops, copies };
}

/** Returns how many bytes less it takes. @throws Damage; `store_full`; what the system throws: then all is as before */
export function* rewrite(session: StoredSession, image: SessionImage, parts: WriterParts): Steps<number> {
	const { directory, medium, descriptors, space, owner, epoch, nextNumber, bootTag } = parts;
	const { ops, copies } = snapshot(image);
	const text = encodeOps(ops, null);
	const bytes = copies.reduce((sum, copy) => sum + copy.bytes, 0);
	const blocks = copies.reduce((sum, copy) => sum + blockCount(copy.bytes), 0);
	const jsonBytes = Buffer.byteLength(text);
	const headBytes = FRAME_HEADER_BYTES + jsonBytes + 4 * blocks;
	const shape = { jsonBytes, blocks, headBytes, frameBytes: headBytes + bytes };
	const length = FRAMES_AT + shape.frameBytes;
	yield* space.grant(length);
	yield* owner.check();
	const stamp = { epoch, number: nextNumber() };
	const path = `${directory}/${fileName(session.stem, stamp)}`;
	const { createdAt, expiresAt, lastUsedAt } = image.record;
	const made = yield* makeFile(medium, {
		path,
		unfinishedPath: `${path}${UNFINISHED}`,
		directory,
		head: { kind: "session", id: session.id, order: session.order, pin: null, ...stamp },
		slot: { createdAt, expiresAt, lastUsedAt, length, flushed: length, recordAt: FRAMES_AT, bootTag },
		frame: { text, bodies: [], bytes },
		shape,
		writeBody: (fd, at) => copyAll(session, copies, fd, at, medium, descriptors),
		// What it replaces was on the medium.
		durable: true,
	});
	const file = new OpenFile(path, "r+");
	descriptors.adopt(file, made.fd);
	yield* confirmNewFile(parts, file, made.namedAtMs);
	const before = session.bytes;
	const former = session.segments;
	const segment: Segment = { stamp, name: stampText(stamp), file, seed: made.seed, length };
	move(image, segment.name, FRAMES_AT + headBytes, made.crcs);
	image.textsAt = { segment: segment.name, at: FRAMES_AT };
	session.segments = [segment];
	session.slot = made.slot;
	session.version++;
	for (const old of former) {
		descriptors.forget(old.file);
		yield* removeQuietly(medium, old.file.path, old.length);
	}
	return before - length;
}

/** Says of every part that it is in the new file. */
function move(image: SessionImage, segment: string, bodyAt: number, crcs: readonly number[]): void {
	let [offset, block] = [bodyAt, 0];
	for (const [turn, stored] of [...image.turns()]) {
		const parts = new Map<PartName, PartPlace>();
		for (const [name, place] of stored.parts) {
			const bytes = neededBytes(place);
			const blocks = blockCount(bytes);
			parts.set(name, { ...place, segment, offset, stored: bytes, crcs: crcs.slice(block, block + blocks) });
			offset += bytes;
			block += blocks;
		}
		image.set(turn, { ...stored, parts } satisfies ImageTurn);
	}
}

function* copyAll(
	session: StoredSession,
	copies: readonly Copy[],
	target: number,
	at: number,
	medium: Medium,
	descriptors: Descriptors,
): Steps<readonly number[]> {
	const buffer = Buffer.allocUnsafeSlow(COPY_BYTES);
	const sums = new BlockSums();
	let to = at;
	for (const { place, bytes } of copies) {
		const segment = session.segments.find(({ name }) => name === place.segment);
		if (segment === undefined) throw new Damage(`its file ${place.segment} is not there`);
		const fd = yield* descriptors.take(segment.file);
		try {
			for (let from = 0; from < bytes; from += COPY_BYTES) {
				// Whole blocks, so that what is copied was checked.
				const piece = buffer.subarray(0, Math.min(COPY_BYTES, place.stored - from));
				const read = yield* medium.read(fd, piece, place.offset + from);
				if (read < piece.length || !isWhole(piece, place, from)) {
					throw new Damage(
						`the bytes at ${place.offset + from} of ${place.segment} are not what was written`,
					);
				}
				const copied = piece.subarray(0, Math.min(piece.length, bytes - from));
				sums.add(copied);
				yield* medium.writeMany(target, [copied], to);
				to += copied.length;
			}
		} finally {
			descriptors.release(segment.file);
		}
		sums.end();
	}
	return sums.sums;
}

function isWhole(piece: Buffer, place: PartPlace, from: number): boolean {
	const sums = new BlockSums();
	sums.add(piece);
	sums.end();
	const first = from / BLOCK_BYTES;
	return sums.sums.every((sum, index) => sum === place.crcs[first + index]);
}

/** What a failed rewrite is no reason to tell anybody: it is tried again. */
export function isHarmless(error: unknown): boolean {
	return error instanceof RollpinError || (error instanceof Error && "code" in error);
}
