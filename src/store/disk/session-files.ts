// The files of one session as they are found: which ones belong together, what is committed, and the image they make.
// Reads only; what is wrong with them is an outcome, never an exception.
import type { SessionId } from "../../base/ids.js";
import { type Descriptors, OpenFile } from "../files/descriptors.js";
import { frameAt, Stretches, type WalkedFrame } from "../files/frame-walk.js";
import { decodeHead, type FileHead, HEAD_BYTES, seedOf } from "../files/head.js";
import { judge } from "../files/judge.js";
import type { Medium } from "../files/medium.js";
import { FRAMES_AT, type Slot } from "../files/slots.js";
import type { Steps } from "../files/steps.js";
import type { Successor } from "../files/successor.js";
import { type FrameOp, SessionImage, type SessionRecord, type TextsPlace } from "../plan/image.js";
import { decodeOps, type RecordText, recordIn } from "../plan/op-text.js";
import type { Obligation, SessionMeta } from "../store.js";
import { isMissing, isUnreadable } from "../store-errors.js";
import type { FileStamp } from "./names.js";
import { parseStamp, stampText } from "./names.js";

/** One file of a session. */
export interface Segment {
	readonly stamp: FileStamp;
	/** `stamp` as places of parts name it. */
	readonly name: string;
	readonly file: OpenFile;
	readonly seed: number;
	/** Bytes that count. */
	length: number;
}

/** A session of which nothing is read but what its newest file says. */
export interface FoundSession {
	id: SessionId;
	order: number;
	/** Oldest first. */
	segments: Segment[];
	slot: Slot;
	meta: SessionMeta;
	owed: readonly Obligation[];
	/** Committed bytes that a loss of power took. */
	lost: number;
}

export class Damage extends Error {
	readonly head: FileHead | null;
	readonly slot: Slot | null;

	constructor(why: string, head: FileHead | null = null, slot: Slot | null = null) {
		super(why);
		this.head = head;
		this.slot = slot;
	}

	/** What is stored can't be had, now or later. */
	static isBehind(error: unknown): error is Error {
		return error instanceof Damage || isMissing(error) || isUnreadable(error);
	}
}

export interface SessionSource {
	medium: Medium;
	descriptors: Descriptors;
	/** Of this boot; 0: not known. */
	bootTag: number;
	pathOf(stamp: FileStamp): string;
	/** Whether a file is appended to by whoever reads it. */
	isOwn(stamp: FileStamp): boolean;
}

interface OpenedSegment {
	segment: Segment;
	head: FileHead;
	bytes: Buffer;
	stretches: Stretches;
	fd: number;
}

function* openSegment(source: SessionSource, stamp: FileStamp, buffer?: Buffer): Steps<OpenedSegment> {
	const file = new OpenFile(source.pathOf(stamp), source.isOwn(stamp) ? "r+" : "r");
	const fd = yield* source.medium.open(file.path, file.flags);
	try {
		const stretches = new Stretches(source.medium, fd, buffer);
		const bytes = yield* stretches.get(0, FRAMES_AT);
		const head = decodeHead(bytes);
		if (head === null) throw new Damage("its head can't be read");
		if (head.kind !== "session" || head.epoch !== stamp.epoch || head.number !== stamp.number) {
			throw new Damage("it is another file than its name says", head);
		}
		const seed = seedOf(bytes.subarray(0, HEAD_BYTES));
		return { segment: { stamp, name: stampText(stamp), file, seed, length: 0 }, head, bytes, stretches, fd };
	} catch (error) {
		source.medium.close(fd);
		throw error;
	}
}

/**
 * The session whose newest file that is. Its descriptors are closed again.
 * @param known its id, where somebody asked for it
 * @throws Damage; what the system throws
 */
export function* findSession(
	source: SessionSource,
	newest: FileStamp,
	known: SessionId | null,
	buffer?: Buffer,
): Steps<FoundSession> {
	const opened = yield* openSegment(source, newest, buffer);
	const { segment, head, bytes, stretches, fd } = opened;
	try {
		if (known !== null && head.id !== known) throw new Damage(`it is of session ${head.id}`, head);
		const { bootTag } = source;
		const { slot, verdict, successor } = yield* judge(
			...([source.medium, fd, stretches, bytes, segment.seed, bootTag] as const),
		);
		if (verdict.kind === "damaged" || slot === null) {
			throw new Damage(verdict.kind === "damaged" ? verdict.why : "", head, slot);
		}
		const lost = verdict.lost + lostSuccessor(successor, bootTag, head, slot);
		const kept = verdict.lost === 0 ? slot : yield* slotBefore(opened, slot, verdict.length);
		segment.length = kept.length;
		const { meta, owed } = yield* metaAt(source, opened, kept);
		const segments = yield* earlierSegments(source, head, slot);
		segments.push(segment);
		return {
			id: head.id as SessionId,
			order: head.order,
			segments,
			slot: kept,
			meta,
			owed,
			lost,
		};
	} finally {
		source.medium.close(fd);
	}
}

/**
 * Bytes at least of the file that went on from the newest one there is, and was taken by a loss of power.
 * @throws Damage when nothing but a hand can have taken it
 */
function lostSuccessor(successor: Successor | null, bootTag: number, head: FileHead, slot: Slot): number {
	if (successor === null) return 0;
	if (!successor.flushed && successor.bootTag !== bootTag) return successor.length;
	throw new Damage(`the file that goes on from it (${stampText(successor)}) is gone`, head, slot);
}

/** The slot as it would be without the frames after `length`. @throws Damage when no frame with a record is left */
function* slotBefore({ segment, stretches, head }: OpenedSegment, slot: Slot, length: number): Steps<Slot> {
	let recordAt = 0;
	for (let at = FRAMES_AT; at < length; ) {
		const frame = yield* frameAt(stretches, at, segment.seed);
		if (frame === null) break;
		if (recordIn(frame.text) !== null) recordAt = at;
		at += frame.header.frameBytes;
	}
	if (recordAt === 0) throw new Damage("a loss of power took all of its newest file", head, slot);
	return { ...slot, length, recordAt };
}

function* metaAt(
	source: SessionSource,
	{ segment, stretches, head }: OpenedSegment,
	slot: Slot,
): Steps<Pick<FoundSession, "meta" | "owed">> {
	const record = recordIn((yield* frameAt(stretches, slot.recordAt, segment.seed))?.text ?? "[]");
	if (record === null) throw new Damage(`the record at ${slot.recordAt} is damaged`, head, slot);
	const { meta, textsAt, owed } = record;
	const texts = textsAt === null ? record.texts : yield* textsOf(source, { segment, stretches }, textsAt);
	if (textsAt !== null && texts === null)
		throw new Damage(`the texts at ${textsAt.at} are damaged`, head, slot);
	const [metadataJson, overridesJson] = texts ?? [null, null];
	return { meta: { ...meta, metadataJson, overridesJson }, owed };
}

function* textsOf(
	source: SessionSource,
	newest: Pick<OpenedSegment, "segment" | "stretches">,
	textsAt: TextsPlace,
): Steps<RecordText["texts"]> {
	const at = (stretches: Stretches, seed: number) => frameAt(stretches, textsAt.at, seed);
	if (textsAt.segment === newest.segment.name) {
		return recordIn((yield* at(newest.stretches, newest.segment.seed))?.text ?? "[]")?.texts ?? null;
	}
	const other = yield* openSegment(source, parseStamp(textsAt.segment));
	try {
		return recordIn((yield* at(other.stretches, other.segment.seed))?.text ?? "[]")?.texts ?? null;
	} finally {
		source.medium.close(other.fd);
	}
}

/** The files that a file goes on from, oldest first. */
function* earlierSegments(source: SessionSource, newest: FileHead, slot: Slot): Steps<Segment[]> {
	const segments: Segment[] = [];
	for (let pin = newest.pin; pin !== null; ) {
		const { head, segment, fd } = yield* openPinned(source, pin, newest, slot);
		source.medium.close(fd);
		segment.length = pin.length;
		segments.unshift(segment);
		pin = head.pin;
	}
	return segments;
}

function* openPinned(
	source: SessionSource,
	pin: NonNullable<FileHead["pin"]>,
	newest: FileHead,
	slot: Slot,
): Steps<OpenedSegment> {
	let opened: OpenedSegment;
	try {
		opened = yield* openSegment(source, { epoch: pin.epoch, number: pin.number });
	} catch (error) {
		if (error instanceof Damage) throw new Damage(`of an earlier file: ${error.message}`, newest, slot);
		if (isUnreadable(error))
			throw new Damage(`of an earlier file: ${(error as Error).message}`, newest, slot);
		throw isMissing(error) ? new Damage("an earlier file of it is gone", newest, slot) : error;
	}
	const { head, fd } = opened;
	const { size } = yield* source.medium.stat(fd);
	if (head.id === newest.id && head.order === newest.order && size >= pin.length) return opened;
	source.medium.close(fd);
	throw new Damage(
		`an earlier file has ${size} bytes of ${pin.length}, or is another session's`,
		newest,
		slot,
	);
}

/** So many frames are read before others have a turn. */
const FRAMES_PER_SLICE = 200;

/**
 * The whole image. The segments' files stay open, as long as there is room for them.
 * @throws Damage; what the system throws
 */
export function* readImage(source: SessionSource, segments: readonly Segment[]): Steps<SessionImage> {
	let image: SessionImage | null = null;
	let frames = 0;
	for (const { file, seed, length, name } of segments) {
		const fd = yield* source.descriptors.take(file, source.medium);
		try {
			const stretches = new Stretches(source.medium, fd);
			for (let at = FRAMES_AT; at < length; ) {
				const frame = yield* frameAt(stretches, at, seed);
				if (frame === null || at + frame.header.frameBytes > length) {
					throw new Damage(`the frame at ${at} is damaged`);
				}
				image = replay(image, frame, name);
				at += frame.header.frameBytes;
				frames++;
				if (frames % FRAMES_PER_SLICE === 0) yield* source.medium.pause();
			}
		} finally {
			source.descriptors.release(file);
		}
	}
	if (image === null) throw new Damage("it has no frame");
	return image;
}

function replay(image: SessionImage | null, frame: WalkedFrame, segment: string): SessionImage {
	try {
		const { text, bodyAt, crcs, at } = frame;
		const { ops, textsAt } = decodeOps(text);
		const into = image ?? new SessionImage(recordOfOps(ops));
		into.apply(ops, { segment, offset: bodyAt, crcs }, textsAt ?? { segment, at });
		return into;
	} catch (error) {
		throw new Damage(`the frame at ${frame.at} does not fit those before it: ${String(error)}`);
	}
}

/** A session's first frame has its record. */
function recordOfOps(ops: readonly FrameOp[]): SessionRecord {
	for (const op of ops) if (op.op === "record") return op.record;
	throw new Error("it has no record");
}
