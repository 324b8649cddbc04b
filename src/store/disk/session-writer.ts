// Writes the frames of sessions: into the newest file when this owner made it, else into a new one that goes on from it.
//
// A commit counts when its slot is written, and is acknowledged when the partition's owner is still the same after that. The
// owner is asked before, too: a former owner shall not write what it must take back.

import { RollpinError } from "../../base/errors.js";
import type { SessionId } from "../../base/ids.js";
import { type Descriptors, OpenFile } from "../files/descriptors.js";
import { type FrameShape, shapeOf, writeFrame } from "../files/frame-writer.js";
import type { FreeSpace } from "../files/free-space.js";
import type { Medium } from "../files/medium.js";
import { type MadeFile, makeFile, type NewFile } from "../files/new-file.js";
import { encodeSlot, FRAMES_AT, type Slot, slotAt } from "../files/slots.js";
import type { Steps } from "../files/steps.js";
import type { CommitPlan } from "../plan/commit-plan.js";
import type { FrameOp, SessionImage, SessionRecord } from "../plan/image.js";
import { encodeOps, hasLongTexts } from "../plan/op-text.js";
import { isMissing } from "../store-errors.js";
import { fileName, fileStem, stampText, UNFINISHED } from "./names.js";
import type { Owner } from "./owner.js";
import { removeQuietly } from "./quiet-removal.js";
import type { Segment } from "./session-files.js";
import { StoredSession } from "./stored-session.js";
import { noteSuccessor } from "./successor-note.js";

export interface WriterParts {
	/** Of the sessions' files. */
	directory: string;
	medium: Medium;
	descriptors: Descriptors;
	space: FreeSpace;
	owner: Owner;
	epoch: number;
	/** Number of a file of this owner's that no other one has. */
	nextNumber(): number;
	/** Commits are on the medium before they are acknowledged. */
	durable: boolean;
	bootTag: number;
}

type Written = Extract<CommitPlan, { kind: "append" | "renew" }>;
type Times = Pick<Slot, "createdAt" | "expiresAt" | "lastUsedAt">;

export class SessionWriter {
	readonly #parts: WriterParts;
	readonly #slotBytes = Buffer.alloc(64);

	constructor(parts: WriterParts) {
		this.#parts = parts;
	}

	/** Adds a frame to a session; returns the bytes that this takes. Throws as the system does; `store_full`; when replaced. */
	*append(session: StoredSession, image: SessionImage, plan: Written): Steps<number> {
		const { space, owner, epoch } = this.#parts;
		const isOwn = session.segments.length > 0 && session.newest.stamp.epoch === epoch;
		// The first frame of a file has a record, so that the newest file always tells what the session is.
		const planned = recordOf(plan.ops);
		const record = planned ?? (isOwn ? null : image.record);
		const ops: readonly FrameOp[] =
			planned !== null || record === null ? plan.ops : [...plan.ops, { op: "record", record }];
		const textsAt = record !== null && keepsTexts(image, record) ? image.textsAt : null;
		const frame = { text: encodeOps(ops, textsAt), bodies: plan.bodies, bytes: plan.bytes };
		const shape = shapeOf(frame);
		yield* space.grant(shape.frameBytes);
		yield* owner.check();
		const written =
			isOwn || record === null
				? yield* this.#appendHere(session, frame, shape, record)
				: yield* this.#appendAnew(session, frame, shape, record);
		const { segment, at, crcs } = written;
		const body = { segment: segment.name, offset: at + shape.headBytes, crcs };
		image.apply(ops, body, textsAt ?? { segment: segment.name, at });
		session.owed = image.record.owed;
		return shape.frameBytes + (isOwn ? 0 : FRAMES_AT);
	}

	/** A session with its first frame. */
	*make(id: SessionId, order: number, plan: Written): Steps<StoredSession> {
		const { space, owner } = this.#parts;
		const record = recordOf(plan.ops);
		if (record === null) throw new RollpinError("internal", `session ${id} would begin without a record`);
		const frame = { text: encodeOps(plan.ops, null), bodies: plan.bodies, bytes: plan.bytes };
		const shape = shapeOf(frame);
		yield* space.grant(shape.frameBytes + FRAMES_AT);
		yield* owner.check();
		const stem = fileStem(id);
		const { segment, slot, namedAtMs } = yield* this.#newSegment(
			{ id, stem, order },
			null,
			frame,
			shape,
			record,
		);
		yield* confirmNewFile(this.#parts, segment.file, namedAtMs);
		return new StoredSession(stem, { id, order, segments: [segment], slot }, record.owed);
	}

	/** Its bytes up to the length that it has now are on the medium; says so in the file. Not worth an error. */
	*flushed(session: StoredSession, flushed: Segment, length: number): Steps<void> {
		const { medium, descriptors, owner } = this.#parts;
		const { newest, slot } = session;
		if (newest !== flushed || slot.flushed >= length || newest.file.gone) return;
		if (!(yield* owner.isCurrent())) return;
		const fd = yield* descriptors.take(newest.file);
		try {
			const next = { ...slot, sequence: slot.sequence + 1, flushed: length };
			yield* medium.write(fd, encodeSlot(next, newest.seed), slotAt(next.sequence));
			session.slot = next;
		} finally {
			descriptors.release(newest.file);
		}
		const former = session.segments.at(-2);
		if (former !== undefined && slot.flushed === FRAMES_AT)
			yield* noteSuccessor(this.#parts, former, newest, true);
	}

	/** Removes a file that nobody needs; false when it is still there. */
	*remove(path: string, length: number): Steps<boolean> {
		return yield* removeQuietly(this.#parts.medium, path, length);
	}

	*#appendHere(
		session: StoredSession,
		frame: Pick<NewFile, "frame">["frame"],
		shape: FrameShape,
		record: SessionRecord | null,
	): Steps<{ segment: Segment; at: number; crcs: readonly number[] }> {
		const { medium, descriptors, owner, durable, bootTag } = this.#parts;
		const { newest: segment, slot: before } = session;
		const at = segment.length;
		const fd = yield* this.#take(segment);
		try {
			// Shorter, it would get a hole that reads as zeros; without a name, it would be gone with this process.
			const { size, nlink } = yield* medium.stat(fd);
			if (size < at || nlink === 0) throw lostBytes(segment.file.path, undefined);
			const sequence = before.sequence + 1;
			const crcs = yield* writeFrame(medium, fd, { ...frame, sequence, at, seed: segment.seed }, shape);
			const slot: Slot = {
				...(record === null ? before : timesOf(record)),
				sequence,
				length: at + shape.frameBytes,
				// Of a durable commit it is known when the next one is written.
				flushed: durable ? at : before.flushed,
				recordAt: record === null ? before.recordAt : at,
				bootTag,
			};
			yield* this.#writeSlot(fd, segment, slot);
			const writtenAtMs = performance.now();
			let counts = false;
			try {
				if (durable) yield* medium.flush(fd);
				counts = yield* owner.counts(writtenAtMs);
			} finally {
				// What is not acknowledged nobody may find later, and a new owner goes on from the slot before.
				if (!counts) {
					session.slot = { ...before, sequence: sequence + 1 };
					yield* this.#writeSlot(fd, segment, session.slot);
				}
			}
			if (!counts) throw owner.replaced();
			session.slot = slot;
			segment.length = slot.length;
			return { segment, at, crcs };
		} finally {
			descriptors.release(segment.file);
		}
	}

	/** There is no file yet, or the newest one is a former owner's, who may still be writing behind the end that this one knows. */
	*#appendAnew(
		session: StoredSession,
		frame: Pick<NewFile, "frame">["frame"],
		shape: FrameShape,
		record: SessionRecord,
	): Steps<{ segment: Segment; at: number; crcs: readonly number[] }> {
		const { segments, slot: before } = session;
		const former = segments.at(-1) ?? null;
		// What a file goes on from must not be taken by a loss of power that leaves the file itself.
		if (former !== null && before.flushed < before.length) yield* this.flush(former);
		const made = yield* this.#newSegment(session, former, frame, shape, record);
		yield* confirmNewFile(this.#parts, made.segment.file, made.namedAtMs);
		if (former !== null) yield* noteSuccessor(this.#parts, former, made.segment, this.#parts.durable);
		session.segments = [...segments, made.segment];
		session.slot = made.slot;
		return { segment: made.segment, at: FRAMES_AT, crcs: made.crcs };
	}

	/** The bytes of a file are on the medium. */
	*flush(segment: Segment): Steps<void> {
		const { descriptors, medium } = this.#parts;
		const fd = yield* this.#take(segment);
		try {
			yield* medium.flush(fd);
		} finally {
			descriptors.release(segment.file);
		}
	}

	*#newSegment(
		{ id, stem, order }: Pick<StoredSession, "id" | "stem" | "order">,
		former: Segment | null,
		frame: Pick<NewFile, "frame">["frame"],
		shape: FrameShape,
		times: Times,
	): Steps<{ segment: Segment; slot: Slot; crcs: readonly number[]; namedAtMs: number }> {
		const { directory, descriptors, epoch, nextNumber, durable, bootTag } = this.#parts;
		const stamp = { epoch, number: nextNumber() };
		const path = `${directory}/${fileName(stem, stamp)}`;
		const length = FRAMES_AT + shape.frameBytes;
		const pin = former === null ? null : { ...former.stamp, length: former.length };
		const made = yield* this.#madeFile({
			path,
			unfinishedPath: `${path}${UNFINISHED}`,
			directory,
			head: { kind: "session", id, order, pin, ...stamp },
			slot: {
				...timesOf(times),
				length,
				flushed: durable ? length : FRAMES_AT,
				recordAt: FRAMES_AT,
				bootTag,
			},
			frame,
			shape,
			durable,
		});
		const file = new OpenFile(path, "r+");
		descriptors.adopt(file, made.fd);
		const segment = { stamp, name: stampText(stamp), file, seed: made.seed, length };
		return { segment, slot: made.slot, crcs: made.crcs, namedAtMs: made.namedAtMs };
	}

	*#madeFile(file: NewFile): Steps<MadeFile> {
		try {
			return yield* makeFile(this.#parts.medium, file);
		} catch (error) {
			// A new owner removes what was not finished.
			if (isMissing(error)) yield* this.#parts.owner.check();
			throw error;
		}
	}

	*#take(segment: Segment): Steps<number> {
		try {
			return yield* this.#parts.descriptors.take(segment.file);
		} catch (error) {
			throw isMissing(error) ? lostBytes(segment.file.path, error) : error;
		}
	}

	*#writeSlot(fd: number, segment: Segment, slot: Slot): Steps<void> {
		const { medium } = this.#parts;
		const beganMs = medium.begin();
		// A write that is waited for needs memory of its own.
		const bytes = encodeSlot(slot, segment.seed, beganMs === null ? Buffer.alloc(64) : this.#slotBytes);
		yield* (beganMs === null ? medium : medium.now).write(fd, bytes, slotAt(slot.sequence));
	}
}

/** @throws RollpinError when replaced; whenever it throws, the file is removed: nobody shall go on from it */
export function* confirmNewFile(
	{ owner, medium, descriptors }: WriterParts,
	file: OpenFile,
	namedAtMs: number,
): Steps<void> {
	let counts = false;
	try {
		counts = yield* owner.counts(namedAtMs);
	} finally {
		if (!counts) {
			descriptors.forget(file);
			yield* removeQuietly(medium, file.path);
		}
	}
	if (!counts) throw owner.replaced();
}

function recordOf(ops: readonly FrameOp[]): SessionRecord | null {
	for (const op of ops) if (op.op === "record") return op.record;
	return null;
}

function keepsTexts(
	{ record }: SessionImage,
	{ metadataJson, overridesJson, ...rest }: SessionRecord,
): boolean {
	const isSame = record.metadataJson === metadataJson && record.overridesJson === overridesJson;
	return isSame && hasLongTexts({ metadataJson, overridesJson, ...rest });
}

function timesOf({ createdAt, expiresAt, lastUsedAt }: Times): Times {
	return { createdAt, expiresAt, lastUsedAt };
}

function lostBytes(path: string, cause: unknown): RollpinError {
	return new RollpinError(
		"store_unavailable",
		`stored bytes are missing (${path}): the data dir was changed from outside; restore it from a copy`,
		{ cause },
	);
}
