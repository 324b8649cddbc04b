// The sessions of one partition: reads, and commits in the order they were asked for. Knows no other partition.
import type { Partition, SessionId, TurnId } from "../base/ids.js";
import type { BlobFiles } from "./blob-files.js";
import { type CommitPlan, planCommit } from "./commit-plan.js";
import type { FreeSpace } from "./free-space.js";
import type { LmdbEnvironment } from "./lmdb-environment.js";
import {
	after,
	BLOBS,
	nameOf,
	partKey,
	SESSIONS,
	sessionKey,
	TOMBSTONES,
	tombstoneKey,
	turnKey,
	turnRange,
} from "./lmdb-keys.js";
import {
	damagedPart,
	decodeRecord,
	type PartPlace,
	type TombstoneRecord,
	type TurnRecord,
} from "./lmdb-records.js";
import type { PartName, SessionMeta, StoreOp, TurnHeader } from "./store.js";
import { isFull, isOutOfDescriptors, noDescriptors, storeFull, TurnGone } from "./store-errors.js";

/** Sessions read in one go; between them the event loop runs and no read transaction is held. */
const SESSIONS_PER_SCAN = 256;

export class PartitionStore {
	readonly partition: Partition;
	readonly #environment: LmdbEnvironment;
	readonly #blobs: BlobFiles;
	readonly #space: FreeSpace;
	/** Last commit in flight of each session. */
	readonly #inFlight = new Map<SessionId, Promise<unknown>>();
	/** Tombstones that fell out of the ring; removed by the next commit. */
	#fallen: SessionId[] = [];
	#blobBytes = 0;

	constructor(partition: Partition, environment: LmdbEnvironment, blobs: BlobFiles, space: FreeSpace) {
		this.#space = space;
		this.partition = partition;
		this.#environment = environment;
		this.#blobs = blobs;
	}

	/** Removes blob files that no record names, and learns how many bytes the others have. */
	async sweep(): Promise<void> {
		const named = new Set<string>();
		this.#environment.scan(BLOBS, (key, value) => {
			named.add(nameOf(key));
			this.#blobBytes += decodeRecord("blob", value).length;
		});
		await this.#blobs.sweep((name) => named.has(name));
	}

	tombstones(): TombstoneRecord[] {
		const records: TombstoneRecord[] = [];
		this.#environment.scan(TOMBSTONES, (_key, value) => records.push(decodeRecord("tombstone", value)));
		return records;
	}

	/** Forgets a stored tombstone, with the next commit or, failing that, at the next start. */
	forget(id: SessionId): void {
		this.#fallen.push(id);
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		for (let start: Buffer = SESSIONS.start; ; ) {
			const metas: SessionMeta[] = [];
			this.#environment.scan(
				{ start, end: SESSIONS.end },
				(key, value) => {
					metas.push(decodeRecord("session", value).meta);
					start = after(key);
				},
				SESSIONS_PER_SCAN,
			);
			yield* metas;
			if (metas.length < SESSIONS_PER_SCAN) return;
			await new Promise((resolve) => setImmediate(resolve));
		}
	}

	session(id: SessionId): SessionMeta | undefined {
		return this.#environment.reading(() => {
			const value = this.#environment.get(sessionKey(id));
			return value === undefined ? undefined : decodeRecord("session", value).meta;
		});
	}

	headers(id: SessionId): TurnHeader[] {
		const headers: TurnHeader[] = [];
		this.#environment.scan(turnRange(id), (_key, value) => headers.push(decodeRecord("turn", value).header));
		return headers;
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		const { blob, place } = this.#place(id, turn, part);
		if (place === undefined) return Buffer.alloc(0);
		if (blob === null || place.blobOffset === undefined)
			return this.#inlinePart(id, turn, part, place.length);
		try {
			return await this.#blobs.read(blob, place.blobOffset, place.length);
		} catch (error) {
			this.#checkStored(id, turn, blob);
			throw error;
		}
	}

	async *streamPart(id: SessionId, turn: TurnId, part: PartName): AsyncIterable<Buffer> {
		const { blob, place } = this.#place(id, turn, part);
		if (place === undefined) return;
		if (blob === null || place.blobOffset === undefined) {
			yield this.#inlinePart(id, turn, part, place.length);
			return;
		}
		try {
			for await (const piece of this.#blobs.stream(blob, place.blobOffset, place.length)) {
				this.#checkStored(id, turn, blob);
				yield piece;
			}
		} catch (error) {
			// The file of a turn that was dropped meanwhile is missing for a good reason.
			this.#checkStored(id, turn, blob);
			throw error;
		}
	}

	partLength(id: SessionId, turn: TurnId, part: PartName): number {
		return this.#place(id, turn, part).place?.length ?? 0;
	}

	/** Commits behind the session's earlier commits; those of other sessions share a transaction with it. */
	commit(id: SessionId, ops: readonly StoreOp[], tombstoneOrder: () => number): Promise<CommitPlan> {
		const earlier = this.#inFlight.get(id);
		const commit = (earlier ?? Promise.resolve()).then(() => this.#commitNow(id, ops, tombstoneOrder()));
		const settled = commit.then(ignore, ignore).then(() => {
			if (this.#inFlight.get(id) === settled) this.#inFlight.delete(id);
		});
		this.#inFlight.set(id, settled);
		return commit;
	}

	/** Throws when the partition has stopped serving. */
	checkServing(): void {
		this.#environment.checkServing();
	}

	sizeBytes(): number {
		return this.#environment.sizeBytes() + this.#blobBytes;
	}

	async close(): Promise<void> {
		await Promise.all(this.#inFlight.values());
		await this.#environment.close();
	}

	async #commitNow(id: SessionId, ops: readonly StoreOp[], tombstoneOrder: number): Promise<CommitPlan> {
		const plan = this.#environment.reading(() =>
			planCommit(id, ops, {
				stored: this.#environment,
				tombstoneOrder,
				newBlobName: () => this.#blobs.newName(),
			}),
		);
		await this.#space.grant(bytesAdded(ops));
		try {
			for (const blob of plan.newBlobs) await this.#writeBlob(blob);
			// Taken in the same tick as the write is queued: a later commit may bury one of them anew.
			const fallen = this.#fallen.filter((gone) => gone !== id);
			this.#fallen = [];
			const removals = fallen.map((gone) => ({ key: tombstoneKey(gone), value: null }));
			await this.#environment.write([...removals, ...plan.changes]);
		} catch (error) {
			for (const blob of plan.newBlobs) await this.#blobs.remove(blob.name);
			throw error;
		}
		for (const blob of plan.newBlobs) this.#blobBytes += blob.length;
		for (const blob of plan.oldBlobs) {
			this.#blobBytes -= blob.length;
			await this.#blobs.remove(blob.name);
		}
		return plan;
	}

	async #writeBlob(blob: CommitPlan["newBlobs"][number]): Promise<void> {
		try {
			await this.#blobs.write(blob.name, blob.pieces);
		} catch (error) {
			if (isFull(error)) throw storeFull(error);
			throw isOutOfDescriptors(error) ? noDescriptors(error) : error;
		}
	}

	#place(id: SessionId, turn: TurnId, part: PartName): { blob: string | null; place: PartPlace | undefined } {
		const record = this.#turn(id, turn);
		return { blob: record.blob, place: record.parts[part] };
	}

	/** @throws TurnGone unless the turn that has this file is stored */
	#checkStored(id: SessionId, turn: TurnId, blob: string): void {
		if (this.#turn(id, turn).blob !== blob) throw new TurnGone(id, turn);
	}

	#turn(id: SessionId, turn: TurnId): TurnRecord {
		return this.#environment.reading(() => {
			const value = this.#environment.get(turnKey(id, turn));
			if (value === undefined) throw new TurnGone(id, turn);
			return decodeRecord("turn", value);
		});
	}

	#inlinePart(id: SessionId, turn: TurnId, part: PartName, length: number): Buffer {
		const value = this.#environment.get(partKey(id, turn, part));
		if (value?.length !== length) throw damagedPart(id, turn, part);
		return value;
	}
}

function ignore(): void {}

function bytesAdded(ops: readonly StoreOp[]): number {
	let bytes = 0;
	for (const op of ops) {
		if (op.op !== "append_turn") continue;
		for (const pieces of op.parts.values()) for (const piece of pieces) bytes += piece.length;
	}
	return bytes;
}
