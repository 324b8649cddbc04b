// A partition's ledger: which sessions were made and have no file yet, which ids were buried, and what buried sessions still owe.
// One append makes a session, or its burial, true.
//
// Each owner writes one of its own, so that a former one that is not quite dead cannot write into it: with its first record,
// and then removes the former ones. Until then the newest of those says what is known.
import type { Partition, SessionId } from "../../base/ids.js";
import { frameAt, Stretches } from "../files/frame-walk.js";
import { shapeOf, writeFrame } from "../files/frame-writer.js";
import { decodeHead, HEAD_BYTES, seedOf } from "../files/head.js";
import { judge } from "../files/judge.js";
import type { Medium } from "../files/medium.js";
import { makeFile } from "../files/new-file.js";
import { encodeSlot, FRAMES_AT, type Slot, slotAt } from "../files/slots.js";
import { run, type Steps } from "../files/steps.js";
import type { Obligation, Tombstone } from "../store.js";
import { isFull, ledgerGone } from "../store-errors.js";
import { type FileStamp, fileName, LEDGER_STEM, UNFINISHED } from "./names.js";
import type { Owner } from "./owner.js";
import { removeQuietly } from "./quiet-removal.js";
import { forgetDeleted, RefusedPartition } from "./refused-partition.js";

/** What is known of an id without a file: that its session was buried, or that it is new. */
export interface LedgerRecord {
	id: SessionId;
	/** Of its burial, or of the new session: a session made before is gone, a later one is another. */
	order: number;
	/** Null: it fell out of the most recent ones. */
	tombstone: Tombstone | null;
	owed: readonly Obligation[];
	/** The frame's text of a session that has no file yet. Of one that has, the file counts. */
	session?: string;
}

/** Whether a session's file of that order counts no more: the session was buried since, or its id has a new one. */
export function outdates(record: LedgerRecord | undefined, order: number): boolean {
	if (record === undefined) return false;
	return record.session === undefined ? record.order >= order : record.order > order;
}

export interface LedgerContent {
	records: Map<SessionId, LedgerRecord>;
	/** Of its file. */
	bytes: number;
}

/** Room that is written ahead: a burial needs none when the medium is full. */
const AHEAD_BYTES = 16 * 1024;
/** Written anew when it is longer than this, and most of it says nothing any more. */
const REWRITE_BYTES = 256 * 1024;

export interface LedgerParts {
	medium: Medium;
	directory: string;
	partition: Partition;
	owner: Owner;
	epoch: number;
	/** Number of a file of this owner's that no other one has. */
	nextNumber(): number;
	/** Burials are on the medium before they are acknowledged. */
	durable: boolean;
	bootTag: number;
	/** Gives up room that was kept for this; false when there is none. */
	makeRoom(): boolean;
}

export class Ledger {
	readonly #parts: LedgerParts;
	readonly records: Map<SessionId, LedgerRecord>;
	/** Null before the first record. */
	#stamp: FileStamp | null = null;
	#formers: readonly string[];
	#fd = -1;
	#seed = 0;
	#slot: Slot | null = null;
	/** End of what was written ahead; before the first record, of the former ledger. */
	#allocated: number;
	/** Length at which it is worth looking how much of it still says something. */
	#rewriteAt = REWRITE_BYTES;
	#queue: Promise<unknown> | null = null;

	/**
	 * @param records what is retained of the former ledgers; this one's own from now on
	 * @param formers names of those ledgers
	 */
	constructor(parts: LedgerParts, { records, bytes }: LedgerContent, formers: readonly string[]) {
		this.#parts = parts;
		this.records = records;
		this.#allocated = bytes;
		this.#formers = formers;
	}

	/** Writes the owner's own ledger anew, with all that is known. Throws as the system does. */
	*#begin(): Steps<void> {
		const { directory, partition, epoch, medium, owner, bootTag, nextNumber } = this.#parts;
		const stamp = { epoch, number: nextNumber() };
		const path = `${directory}/${fileName(LEDGER_STEM, stamp)}`;
		const text = JSON.stringify([...this.records.values()]);
		const frame = { text, bodies: [], bytes: 0 };
		const shape = shapeOf(frame);
		const length = FRAMES_AT + shape.frameBytes;
		const made = yield* makeFile(medium, {
			path,
			unfinishedPath: `${path}${UNFINISHED}`,
			directory,
			head: { kind: "ledger", id: String(partition), order: 0, pin: null, ...stamp },
			slot: { length, flushed: length, recordAt: 0, createdAt: 0, expiresAt: 0, lastUsedAt: 0, bootTag },
			frame,
			shape,
			// What it replaces is removed: it must be there after a loss of power.
			durable: true,
			ahead: AHEAD_BYTES,
		});
		// Only now, and before the former ones go: what is named has been there.
		yield* owner.noteLedger(stamp);
		this.close();
		this.#stamp = stamp;
		this.#fd = made.fd;
		this.#seed = made.seed;
		this.#slot = made.slot;
		this.#allocated = length + AHEAD_BYTES;
	}

	/** Removes those before it; only an owner that is sure to be the last one may. */
	*#removeFormers(): Steps<void> {
		const { directory, medium, owner } = this.#parts;
		if (!(yield* owner.isCurrent())) return;
		// The newest one counts: what can't be removed now goes with the next one.
		for (const name of this.#formers) yield* removeQuietly(medium, `${directory}/${name}`);
		this.#formers = [];
	}

	get sizeBytes(): number {
		return this.#allocated;
	}

	/** Writes a record down, which from then on is what is known of its id. @throws RollpinError when replaced */
	append(record: LedgerRecord): Promise<void> | void {
		return this.#inTurn(() => this.#append(record));
	}

	/** Has what is written flushed, so that a loss of power takes nothing of it. What fails is as if it was not asked for. */
	async flush(): Promise<void> {
		try {
			await this.#inTurn(() => this.#flush());
		} catch {
			// It stays in doubt, and is looked at closely after a loss of power.
		}
	}

	/** One after the other: each record stands at the end of the one before. */
	#inTurn(steps: () => Steps<void>): Promise<void> | void {
		const done = this.#queue === null ? run(steps()) : this.#queue.then(() => run(steps()));
		if (!(done instanceof Promise)) return;
		const settled = done.then(
			() => {},
			() => {},
		);
		this.#queue = settled;
		void settled.then(() => {
			if (this.#queue === settled) this.#queue = null;
		});
		return done;
	}

	close(): void {
		if (this.#fd >= 0) this.#parts.medium.close(this.#fd);
		this.#fd = -1;
	}

	*#append(record: LedgerRecord): Steps<void> {
		const { medium, owner, durable } = this.#parts;
		const isBurial = record.session === undefined;
		yield* owner.check();
		if (this.#stamp === null) yield* this.#beginWithRoom(isBurial);
		const before = this.#slot as Slot;
		yield* this.#checkThere(before.length);
		const frame = { text: JSON.stringify([record]), bodies: [], bytes: 0 };
		const shape = shapeOf(frame);
		const end = before.length + shape.frameBytes;
		yield* this.#extend(end, isBurial);
		const sequence = before.sequence + 1;
		yield* writeFrame(medium, this.#fd, { ...frame, sequence, at: before.length, seed: this.#seed }, shape);
		const flushed = durable ? before.length : before.flushed;
		yield* this.#commit({ ...before, sequence, length: end, flushed });
		const writtenAtMs = performance.now();
		let counts = false;
		try {
			if (durable) yield* medium.flush(this.#fd);
			counts = yield* owner.counts(writtenAtMs);
		} finally {
			// It is not acknowledged, so nobody may find it later: a new owner has not seen it.
			if (!counts) {
				// Also when that fails: the next record is written over it.
				this.#slot = { ...before, sequence: sequence + 1 };
				yield* this.#commit(this.#slot);
			}
		}
		if (!counts) throw owner.replaced();
		this.records.set(record.id, record);
		if (end > this.#rewriteAt) yield* this.#rewrite();
	}

	/** @throws RollpinError when what is written now would be gone with this process, or would stand behind a hole */
	*#checkThere(length: number): Steps<void> {
		const { size, nlink } = yield* this.#parts.medium.stat(this.#fd);
		if (nlink === 0 || size < length) throw ledgerGone(this.#parts.partition);
	}

	*#flush(): Steps<void> {
		const slot = this.#slot;
		if (slot === null || slot.flushed >= slot.length || !(yield* this.#parts.owner.isCurrent())) return;
		yield* this.#parts.medium.flush(this.#fd);
		yield* this.#commit({ ...slot, sequence: slot.sequence + 1, flushed: slot.length });
	}

	*#commit(slot: Slot): Steps<void> {
		yield* this.#parts.medium.write(this.#fd, encodeSlot(slot, this.#seed), slotAt(slot.sequence));
		this.#slot = slot;
	}

	/**
	 * Writes zeros ahead, so that the frame that ends there needs no room of the medium's; nor the next ones.
	 * @param isBurial what was written ahead, and the room that is kept, are for these alone
	 */
	*#extend(end: number, isBurial: boolean): Steps<void> {
		if (end + AHEAD_BYTES / 2 <= this.#allocated) return;
		try {
			yield* this.#parts.medium.write(
				this.#fd,
				Buffer.alloc(end + AHEAD_BYTES - this.#allocated),
				this.#allocated,
			);
		} catch (error) {
			if (!isBurial) throw error;
			if (end <= this.#allocated) return;
			if (!this.#parts.makeRoom()) throw error;
			yield* this.#parts.medium.write(
				this.#fd,
				Buffer.alloc(end + AHEAD_BYTES - this.#allocated),
				this.#allocated,
			);
		}
		this.#allocated = end + AHEAD_BYTES;
	}

	*#beginWithRoom(isBurial: boolean): Steps<void> {
		// It holds all sessions without a file, and so may be longer than what is given up at once.
		while (this.#stamp === null) {
			try {
				yield* this.#begin();
			} catch (error) {
				if (!isBurial || !isFull(error) || !this.#parts.makeRoom()) throw error;
			}
		}
		yield* this.#removeFormers();
	}

	*#rewrite(): Steps<void> {
		if (this.#stamp === null) return;
		const needed = JSON.stringify([...this.records.values()]).length;
		// Not at every record: to find it out takes as long as all records are.
		this.#rewriteAt = Math.max(REWRITE_BYTES, 2 * needed);
		if (this.#rewriteAt >= (this.#slot as Slot).length) return;
		const former = fileName(LEDGER_STEM, this.#stamp);
		try {
			yield* this.#begin();
		} catch {
			// The one there is goes on.
			this.#rewriteAt = 2 * (this.#slot as Slot).length;
			return;
		}
		this.#formers = [former];
		yield* this.#removeFormers();
	}
}

/** What a partition's newest ledger says. @throws RefusedPartition when it is damaged; what the system throws */
export function* readLedger(
	medium: Medium,
	directory: string,
	stamp: FileStamp,
	bootTag: number,
): Steps<LedgerContent> {
	const path = `${directory}/${fileName(LEDGER_STEM, stamp)}`;
	const damaged = (why: string) =>
		new RefusedPartition(`${path} is damaged: ${why}`, forgetDeleted(directory));
	const fd = yield* medium.open(path, "r");
	try {
		const stretches = new Stretches(medium, fd);
		const bytes = yield* stretches.get(0, FRAMES_AT);
		const head = decodeHead(bytes);
		if (head?.kind !== "ledger") throw damaged("its head can't be read");
		const seed = seedOf(bytes.subarray(0, HEAD_BYTES));
		const { verdict } = yield* judge(medium, fd, stretches, bytes, seed, bootTag);
		if (verdict.kind === "damaged") throw damaged(verdict.why);
		const records = new Map<SessionId, LedgerRecord>();
		for (let at = FRAMES_AT; at < verdict.length; ) {
			const frame = yield* frameAt(stretches, at, seed);
			if (frame === null) throw damaged(`the frame at ${at} can't be read`);
			for (const record of JSON.parse(frame.text) as LedgerRecord[]) records.set(record.id, record);
			at += frame.header.frameBytes;
		}
		return { records, bytes: (yield* medium.stat(fd)).size };
	} finally {
		medium.close(fd);
	}
}
