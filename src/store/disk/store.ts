// The durable store of one worker: finds the partition of an id. Opens what this worker owns and nothing else.
import { RollpinError } from "../../base/errors.js";
import { openFilesLimit } from "../../base/fd-limit.js";
import type { Partition, SessionId, TurnId, WorkerIndex } from "../../base/ids.js";
import { STORE_RESERVE_BYTES } from "../../base/medium-room.js";
import { type PartitionMap, partitionOf } from "../../base/partitions.js";
import { bootId } from "../../data-dir/boot-id.js";
import { checkFormat } from "../../data-dir/data-dir.js";
import {
	giveUpReserve,
	giveUpSpareFiles,
	keepReserve,
	keepSpareFiles,
	withReserve,
} from "../../data-dir/reserve.js";
import { bootTagOf } from "../files/boot-tag.js";
import { Descriptors } from "../files/descriptors.js";
import { FreeSpace } from "../files/free-space.js";
import { Medium } from "../files/medium.js";
import { checkCommit } from "../plan/commit-rules.js";
import { TombstoneRing } from "../plan/tombstone-ring.js";
import type {
	Durability,
	Obligation,
	PartCursor,
	PartName,
	SessionMeta,
	Store,
	StoreOp,
	Tombstone,
	TurnHeader,
} from "../store.js";
import { isOutOfDescriptors, isSystemError, partitionRefuses } from "../store-errors.js";
import type { CommitEffect } from "./commits.js";
import { checkDescriptors, filesKeptOpen, outOfDescriptors } from "./descriptor-limit.js";
import { FlushQueue } from "./flush-queue.js";
import { Images } from "./images.js";
import type { LedgerRecord } from "./ledger.js";
import { partitionDirectory } from "./names.js";
import { PartitionStore } from "./partition.js";
import { beginAnew, RefusedPartition } from "./refused-partition.js";
import type { StoreParts } from "./store-parts.js";

/** A close waits so long for flushes that nobody was promised. */
const CLOSE_FLUSH_MS = 1000;

export interface DiskStoreOptions {
	/** A directory that `prepareDataDir` has prepared. */
	dataDir: string;
	workerIndex: WorkerIndex;
	partitions: PartitionMap;
	/**
	 * `process`: an acknowledged commit survives the death of any process; a power loss takes at most the last
	 * moments, never a half commit. `power`: it is flushed before it is acknowledged.
	 */
	durability: Durability;
	/** Most recent tombstones kept, over all partitions of this worker. */
	tombstones: number;
	/** A fresh number of `DataDir.nextEpoch`; from now on every owner with a smaller one is refused. */
	epoch: number;
	/** Bytes that stay free on the medium: beyond them a commit is `store_full`. 64 MiB unless told. */
	reserveBytes?: number;
	/** Of this boot of the machine, null when it can't be told; asked of the system unless told. */
	bootId?: string | null;
	/** Keep bytes on the medium that are given up for burials when it is full. */
	keepReserve?: boolean;
	/** Files that stay open for the next commit or read; found out from the process's limit unless told. */
	filesKeptOpen?: number;
	/** Told once for each partition that can't be served, with the reason and the remedy; for the log. */
	onPartitionRefused?: (partition: Partition, reason: string) => void;
	/** Told once for each session that is found damaged, with the file and what is wrong. `id` null: it can't be read. */
	onSessionDamaged?: (id: SessionId | null, file: string, reason: string) => void;
	/** Told of a session whose last bytes a loss of power took. */
	onSessionRolledBack?: (id: SessionId, bytes: number) => void;
	/** Told of the end of every commit, with its error or null. */
	onCommit?: (elapsedMs: number, error: unknown) => void;
}

/** @throws ConfigError when the data dir is not prepared, or too few files may be open; RollpinError when a later epoch has taken over */
export async function openDiskStore(options: DiskStoreOptions): Promise<Store> {
	await checkFormat(options.dataDir);
	const store = new DiskStore(options);
	try {
		await store.open();
	} catch (error) {
		await store.close();
		throw error;
	}
	return store;
}

class DiskStore implements Store {
	readonly keepsGiven = false;
	readonly #options: DiskStoreOptions;
	readonly #parts: StoreParts;
	readonly #partitions = new Map<Partition, PartitionStore>();
	readonly #tombstones: TombstoneRing;
	readonly #nextOrder = (): number => this.#order();
	#lastOrder = 0;
	#closed = false;

	constructor(options: DiskStoreOptions) {
		const { dataDir, epoch, reserveBytes = STORE_RESERVE_BYTES } = options;
		this.#options = options;
		this.#tombstones = new TombstoneRing(options.tombstones);
		const medium = new Medium();
		const own = options.partitions.partitionsOf(options.workerIndex).length;
		const kept = options.filesKeptOpen ?? filesKeptOpen(own, openFilesLimit());
		const bootTag = bootTagOf(options.bootId === undefined ? bootId() : options.bootId);
		this.#parts = {
			medium,
			descriptors: new Descriptors(kept, medium),
			images: new Images(),
			space: new FreeSpace(dataDir, reserveBytes, (freeBytes) => {
				if (options.keepReserve !== true) return;
				keepSpareFiles(dataDir);
				void keepReserve(dataDir, freeBytes);
			}),
			flushes: new FlushQueue(),
			events: {
				damaged: (id, file, why) => options.onSessionDamaged?.(id, file, why),
				rolledBack: (id, bytes) => options.onSessionRolledBack?.(id, bytes),
			},
			epoch,
			// What another boot left unflushed can't be told from what this one did: so nothing is.
			durable: options.durability === "power" || bootTag === 0,
			bootTag,
			makeRoom: () => [giveUpSpareFiles(dataDir), giveUpReserve(dataDir)].includes(true),
		};
	}

	async open(): Promise<void> {
		const { partitions, workerIndex } = this.#options;
		const own = partitions.partitionsOf(workerIndex);
		const limit = checkDescriptors(own.length);
		try {
			await inLanes(own, (partition) => this.#openPartition(partition));
		} catch (error) {
			throw isOutOfDescriptors(error) ? outOfDescriptors(own.length, limit, error) : error;
		}
		const records: LedgerRecord[] = [];
		for (const partition of this.#partitions.values()) records.push(...partition.buried());
		for (const { tombstone, order } of records.sort((left, right) => left.order - right.order)) {
			this.#lastOrder = Math.max(this.#lastOrder, order);
			if (tombstone !== null) this.#addTombstone(tombstone);
		}
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		this.#checkOpen();
		for (const partition of this.#partitions.values()) yield* partition.sessions();
	}

	async session(id: SessionId): Promise<SessionMeta | undefined> {
		return this.#partition(id).session(id);
	}

	async headers(id: SessionId): Promise<TurnHeader[]> {
		return this.#partition(id).headers(id);
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		return this.#partition(id).part(id, turn, part);
	}

	async *streamPart(
		id: SessionId,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		yield* this.#partition(id).streamPart(id, turn, part, buffers);
	}

	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		return this.#partition(id).openPart(id, turn, part);
	}

	async partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		return this.#partition(id).partLength(id, turn, part);
	}

	async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		// An id is never-seen only to a partition that can tell.
		const partition = this.#partition(id);
		const tombstone = this.#tombstones.get(id);
		if (tombstone === undefined) await partition.checkReadable(id);
		return tombstone;
	}

	async *obligations(): AsyncIterable<Obligation> {
		this.#checkOpen();
		for (const partition of this.#partitions.values()) yield* await partition.obligations();
	}

	async obligationsOf(id: SessionId): Promise<Obligation[]> {
		return this.#partition(id).obligationsOf(id);
	}

	async commit(ops: readonly StoreOp[]): Promise<void> {
		const id = checkCommit(ops);
		if (id === undefined) return;
		const { onCommit } = this.#options;
		const startedMs = performance.now();
		try {
			const done = this.#partition(id).commit(id, ops, this.#nextOrder);
			this.#take(id, done instanceof Promise ? await done : done);
		} catch (error) {
			onCommit?.(performance.now() - startedMs, error);
			throw error;
		}
		onCommit?.(performance.now() - startedMs, null);
	}

	cool(id: SessionId): void {
		if (!this.#closed) this.#partitions.get(partitionOf(id))?.cool(id);
	}

	damagedSessions(): number {
		let sessions = 0;
		for (const partition of this.#partitions.values()) sessions += partition.damagedSessions;
		return sessions;
	}

	async sizeBytes(): Promise<number> {
		this.#checkOpen();
		let bytes = 0;
		for (const partition of this.#partitions.values()) bytes += await partition.sizeBytes();
		return bytes;
	}

	async close(): Promise<void> {
		this.#closed = true;
		const partitions = [...this.#partitions.values()];
		await Promise.all(partitions.map((partition) => partition.settled()));
		for (const partition of partitions) partition.flushAll();
		await this.#parts.flushes.drain(CLOSE_FLUSH_MS);
		await Promise.all(partitions.map((partition) => partition.settled()));
		this.#parts.descriptors.close();
		for (const partition of partitions) partition.close();
		this.#partitions.clear();
	}

	#take(id: SessionId, { buried, revived }: CommitEffect): void {
		if (revived) this.#tombstones.delete(id);
		else if (buried?.tombstone != null) this.#addTombstone(buried.tombstone);
	}

	async #openPartition(partition: Partition): Promise<void> {
		const { dataDir } = this.#options;
		const directory = partitionDirectory(dataDir, partition);
		try {
			const opened = await withReserve(dataDir, () => PartitionStore.open(directory, partition, this.#parts));
			this.#partitions.set(partition, opened);
		} catch (error) {
			if (isOutOfDescriptors(error) || !(error instanceof RefusedPartition || isSystemError(error)))
				throw error;
			const refused =
				error instanceof RefusedPartition
					? error
					: new RefusedPartition(`${directory}: ${String(error)}`, beginAnew(directory));
			this.#options.onPartitionRefused?.(partition, refused.message);
		}
	}

	/** A number greater than every earlier one, also of earlier owners, as long as no clock goes back by years. */
	#order(): number {
		this.#lastOrder = Math.max(this.#lastOrder + 1, Date.now() * 1000);
		return this.#lastOrder;
	}

	#addTombstone(tombstone: Tombstone): void {
		for (const id of this.#tombstones.add(tombstone)) this.#partitions.get(partitionOf(id))?.forget(id);
	}

	#partition(id: SessionId): PartitionStore {
		this.#checkOpen();
		const partition = partitionOf(id);
		const store = this.#partitions.get(partition);
		if (store !== undefined) return store;
		const owner = this.#options.partitions.ownerOf(partition);
		if (owner === this.#options.workerIndex) throw partitionRefuses(partition);
		throw new RollpinError(
			"internal",
			`session ${id} belongs to worker ${owner}, not to worker ${this.#options.workerIndex}: the request went astray`,
		);
	}

	#checkOpen(): void {
		if (this.#closed) throw new RollpinError("worker_unavailable", "the store is closed");
	}
}

/** Partitions that are opened at the same time: each waits for flushes. */
const LANES = 8;

async function inLanes<T>(values: readonly T[], work: (value: T) => Promise<void>): Promise<void> {
	const left = [...values];
	const lane = async () => {
		for (let value = left.shift(); value !== undefined; value = left.shift()) await work(value);
	};
	// All have ended before anybody hears of the first that failed: what was opened must be closed.
	const ends = await Promise.allSettled(Array.from({ length: LANES }, lane));
	for (const end of ends) if (end.status === "rejected") throw end.reason;
}
