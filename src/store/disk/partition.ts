// One partition as its owner has it: reads, and commits in the order they were asked for. Knows no other partition.
import { readdir } from "node:fs/promises";
import type { Partition, SessionId, TurnId } from "../../base/ids.js";
import { run, type Steps } from "../files/steps.js";
import { headersOf, metaOf } from "../plan/metas.js";
import type { Obligation, PartCursor, PartName, SessionMeta, StoreOp, TurnHeader } from "../store.js";
import { TurnGone } from "../store-errors.js";
import { type CommitEffect, Commits } from "./commits.js";
import { Ledger, type LedgerRecord, readLedger } from "./ledger.js";
import { ledgersOf, newestLedger, sessionsDirectory } from "./names.js";
import { Owner } from "./owner.js";
import { PartReader } from "./part-reader.js";
import { checkWhole } from "./refused-partition.js";
import { SessionTable } from "./session-table.js";
import type { StoreParts } from "./store-parts.js";
import type { StoredSession } from "./stored-session.js";

/** Sessions are looked at for so long before others have a turn. */
const SLICE_MS = 2;
/** Of its newest file, a look reads so much at once: as a rule all that it needs. */
const LOOK_BYTES = 4096;

export class PartitionStore {
	readonly #parts: StoreParts;
	readonly #owner: Owner;
	readonly #ledger: Ledger;
	readonly #table: SessionTable;
	readonly #commits: Commits;
	readonly #reader: PartReader;
	/** Last commit in flight of each session. */
	readonly #inFlight = new Map<SessionId, Promise<unknown>>();

	private constructor(
		parts: StoreParts,
		owner: Owner,
		ledger: Ledger,
		table: SessionTable,
		reader: PartReader,
		commits: Commits,
	) {
		this.#parts = parts;
		this.#owner = owner;
		this.#ledger = ledger;
		this.#table = table;
		this.#reader = reader;
		this.#commits = commits;
	}

	/**
	 * Takes the partition over, and learns what is in it.
	 * @throws RefusedPartition; RollpinError when a later owner has it; what the system throws
	 */
	static async open(directory: string, partition: Partition, parts: StoreParts): Promise<PartitionStore> {
		const { medium, descriptors, images, space, events, epoch, durable, bootTag, makeRoom } = parts;
		const sessions = sessionsDirectory(directory);
		const owner = await run(Owner.take(directory, partition, epoch, bootTag, medium));
		let ledger: Ledger | null = null;
		try {
			// What was there before the partition was taken over might have changed since.
			const names = await readdir(directory);
			checkWhole(directory, names, owner.formerLedger);
			const newest = newestLedger(names);
			const known =
				newest === null
					? { records: new Map(), bytes: 0 }
					: await run(readLedger(medium, directory, newest, bootTag));
			let lastNumber = 0;
			const shared = { medium, owner, epoch, durable, bootTag, nextNumber: () => ++lastNumber };
			ledger = new Ledger({ ...shared, directory, partition, makeRoom }, known, ledgersOf(names));
			const table = new SessionTable({
				...{ directory: sessions, medium, descriptors, images, bootTag, epoch, events },
				buried: ledger.records,
			});
			await table.scan();
			const reader = new PartReader({
				medium,
				descriptors,
				damaged: (view, why) => table.damage(view as StoredSession, why),
				begun: (view) => void (view as StoredSession).readers++,
				ended: (view) => void (view as StoredSession).readers--,
			});
			const commits = new Commits(table, ledger, reader, {
				...shared,
				directory: sessions,
				descriptors,
				space,
			});
			return new PartitionStore(parts, owner, ledger, table, reader, commits);
		} catch (error) {
			ledger?.close();
			owner.close();
			throw error;
		}
	}

	/** What is known of ids without a session. */
	buried(): Iterable<LedgerRecord> {
		return this.#ledger.records.values();
	}

	/** A tombstone fell out of the most recent ones. */
	forget(id: SessionId): void {
		const record = this.#ledger.records.get(id);
		if (record === undefined) return;
		const isNothingLeft = this.#commits.isRemoved(id) && !this.#table.has(id);
		if (record.owed.length === 0 && isNothingLeft) this.#ledger.records.delete(id);
		else this.#ledger.records.set(id, { ...record, tombstone: null });
	}

	/** @throws RollpinError when what is stored under the id is damaged: nobody may take it for one that was never seen */
	async checkReadable(id: SessionId): Promise<void> {
		await run(this.#table.stored(id));
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		const slices = new Slices();
		const buffer = Buffer.allocUnsafeSlow(LOOK_BYTES);
		for (const stem of this.#table.stems()) {
			const looked = run(this.#table.meta(stem, buffer));
			const meta = looked instanceof Promise ? await looked : looked;
			if (meta !== undefined) yield meta;
			if (slices.isOver) await slices.next();
		}
	}

	async session(id: SessionId): Promise<SessionMeta | undefined> {
		return run(this.#session(id));
	}

	async headers(id: SessionId): Promise<TurnHeader[]> {
		return run(this.#headers(id));
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		return run(this.#part(id, turn, part));
	}

	async *streamPart(
		id: SessionId,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		const session = await run(this.#held(id, turn));
		try {
			yield* this.#reader.stream(session, turn, part, buffers);
		} finally {
			session.readers--;
		}
	}

	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		const session = this.#table.known(id);
		if (session === undefined) throw new TurnGone(id, turn);
		this.#table.imageNow(session);
		return this.#reader.cursor(session, turn, part);
	}

	async partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		const session = await run(this.#held(id, turn));
		try {
			const stored = session.image?.get(turn);
			if (stored === undefined) throw new TurnGone(id, turn);
			return stored.parts.get(part)?.length ?? 0;
		} finally {
			session.readers--;
		}
	}

	async obligationsOf(id: SessionId): Promise<Obligation[]> {
		const entry = await run(this.#table.entry(id));
		const isStored = entry !== undefined && !entry.isDamaged;
		const owed = isStored ? entry.owed.values() : this.#ledger.records.get(id)?.owed;
		return Array.from(owed ?? [], (obligation) => ({ ...obligation }));
	}

	async obligations(): Promise<Obligation[]> {
		await this.#lookAtAll();
		const all: Obligation[] = [];
		for (const session of this.#table.seen()) {
			for (const obligation of session.owed.values()) all.push({ ...obligation });
		}
		for (const { owed } of this.#ledger.records.values()) {
			for (const obligation of owed) all.push({ ...obligation });
		}
		return all;
	}

	/** Commits after the session's earlier commits; those of other sessions go on beside it. */
	commit(id: SessionId, ops: readonly StoreOp[], order: () => number): CommitEffect | Promise<CommitEffect> {
		const done = this.#inTurn(id, () => this.#commits.commit(id, ops, order));
		if (done instanceof Promise) return done.then((effect) => this.#after(id, effect));
		return this.#after(id, done);
	}

	/** The session is not used for now. */
	cool(id: SessionId): void {
		const session = this.#table.known(id);
		if (session === undefined || this.#inFlight.has(id)) return;
		this.#parts.images.forget(session);
		if (this.#isUnflushed(session)) this.#parts.flushes.add(() => this.#flush(session));
	}

	get damagedSessions(): number {
		return this.#table.damaged;
	}

	/** Counts what commits that are under way leave, and what is given back by them. */
	async sizeBytes(): Promise<number> {
		await Promise.all(this.#inFlight.values());
		// What was looked at is counted.
		await this.#lookAtAll();
		return this.#table.bytes + this.#ledger.sizeBytes;
	}

	/** Has what is not on the medium yet flushed, as far as there is time for it. */
	flushAll(): void {
		this.#parts.flushes.add(() => this.#ledger.flush());
		for (const session of this.#table.seen()) {
			if (this.#isUnflushed(session)) this.#parts.flushes.add(() => this.#flush(session));
		}
	}

	async settled(): Promise<void> {
		while (this.#inFlight.size > 0) await Promise.all(this.#inFlight.values());
	}

	close(): void {
		this.#ledger.close();
		this.#owner.close();
	}

	#after(id: SessionId, effect: CommitEffect): CommitEffect {
		const { rewrite } = effect;
		if (rewrite !== null && !rewrite.rewriting) {
			rewrite.rewriting = true;
			const rewritten = this.#inTurn(id, () => this.#commits.rewrite(rewrite));
			void Promise.resolve(rewritten).finally(() => {
				rewrite.rewriting = false;
			});
		}
		return effect;
	}

	/** Costs nothing once everything was looked at. */
	async #lookAtAll(): Promise<void> {
		const unread = this.#table.unread();
		if (unread.length === 0) return;
		const slices = new Slices();
		const buffer = Buffer.allocUnsafeSlow(LOOK_BYTES);
		for (const stem of unread) {
			const looked = run(this.#table.meta(stem, buffer));
			if (looked instanceof Promise) await looked;
			if (slices.isOver) await slices.next();
		}
	}

	#isUnflushed({ slot, newest }: StoredSession): boolean {
		return slot.flushed < slot.length && newest.stamp.epoch === this.#parts.epoch;
	}

	/** Makes sure that the session is on the medium, and writes that down. What fails is as if it was not asked for. */
	async #flush(session: StoredSession): Promise<void> {
		const { newest, id } = session;
		const { length } = newest;
		try {
			if (newest.file.gone) return;
			await run(this.#commits.writer.flush(newest));
			await this.#inTurn(id, () => this.#commits.writer.flushed(session, newest, length));
		} catch {
			// It stays in doubt, and is looked at closely after a loss of power.
		}
	}

	/** Runs steps after those of the same session that are under way. */
	#inTurn<T>(id: SessionId, steps: () => Steps<T>): T | Promise<T> {
		const earlier = this.#inFlight.get(id);
		const done = earlier === undefined ? run(steps()) : earlier.then(() => run(steps()));
		if (!(done instanceof Promise)) return done;
		const settled: Promise<void> = done.then(ignore, ignore).then(() => {
			if (this.#inFlight.get(id) === settled) this.#inFlight.delete(id);
		});
		this.#inFlight.set(id, settled);
		return done;
	}

	*#session(id: SessionId): Steps<SessionMeta | undefined> {
		const session = yield* this.#table.stored(id);
		return session === undefined ? undefined : metaOf((yield* this.#table.image(session)).record);
	}

	*#headers(id: SessionId): Steps<TurnHeader[]> {
		const session = yield* this.#table.stored(id);
		return session === undefined ? [] : headersOf(yield* this.#table.image(session));
	}

	*#part(id: SessionId, turn: TurnId, part: PartName): Steps<Buffer> {
		const session = yield* this.#held(id, turn);
		try {
			return yield* this.#reader.part(session, turn, part);
		} finally {
			session.readers--;
		}
	}

	/** With its image in memory, which stays until `readers` is taken back. @throws TurnGone; `store_damaged` */
	*#held(id: SessionId, turn: TurnId): Steps<StoredSession> {
		const session = yield* this.#table.stored(id);
		if (session === undefined) throw new TurnGone(id, turn);
		yield* this.#table.image(session);
		session.readers++;
		return session;
	}
}

/** Work on many sessions, a slice of the event loop at a time. */
class Slices {
	#sinceMs = performance.now();

	get isOver(): boolean {
		return performance.now() - this.#sinceMs >= SLICE_MS;
	}

	async next(): Promise<void> {
		await new Promise((resolve) => setImmediate(resolve));
		this.#sinceMs = performance.now();
	}
}

function ignore(): void {}
