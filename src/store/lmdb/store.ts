// The durable store of one worker: finds the partition of an id. Opens what this worker owns and nothing else.
import { RollpinError } from "../../base/errors.js";
import type { Partition, SessionId, TurnId, WorkerIndex } from "../../base/ids.js";
import { type PartitionMap, partitionOf } from "../../base/partitions.js";
import {
	blobDirectory,
	blobsDirectory,
	checkFormat,
	partitionStem,
	partitionsDirectory,
} from "../../data-dir/data-dir.js";
import { flushDirectory } from "../../data-dir/durable-file.js";
import { BlobFiles } from "../files/blob-files.js";
import { FreeSpace } from "../files/free-space.js";
import { OpenFiles } from "../files/open-files.js";
import { checkCommit } from "../plan/commit-rules.js";
import type { TombstoneRecord } from "../plan/records.js";
import { TombstoneRing } from "../plan/tombstone-ring.js";
import type {
	Obligation,
	PartCursor,
	PartName,
	SessionMeta,
	Store,
	StoreOp,
	Tombstone,
	TurnHeader,
} from "../store.js";
import { isOutOfDescriptors, partitionRefuses } from "../store-errors.js";
import { checkDescriptors, outOfDescriptors, packsKeptOpen } from "./descriptors.js";
import { type Durability, openEnvironment } from "./environment.js";
import { DamagedEnvironment } from "./open.js";
import { PartitionStore } from "./partition-store.js";

const DEFAULT_RESERVE_BYTES = 64 * 1024 * 1024;

export interface LmdbStoreOptions {
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
	/** Told once for each partition that can't be served, with the reason and the remedy; for the log. */
	onPartitionRefused?: (partition: Partition, reason: string) => void;
}

/** @throws ConfigError when the data dir is not prepared, or too few files may be open; RollpinError when a later epoch has taken over */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<Store> {
	await checkFormat(options.dataDir);
	const store = new LmdbStore(options);
	try {
		await store.open();
	} catch (error) {
		await store.close();
		throw error;
	}
	return store;
}

class LmdbStore implements Store {
	readonly #options: LmdbStoreOptions;
	readonly #partitions = new Map<Partition, PartitionStore>();
	readonly #tombstones: TombstoneRing;
	readonly #space: FreeSpace;
	#packs = new OpenFiles(0);
	#lastOrder = 0;
	#closed = false;

	constructor(options: LmdbStoreOptions) {
		this.#options = options;
		this.#space = new FreeSpace(options.dataDir, options.reserveBytes ?? DEFAULT_RESERVE_BYTES);
		this.#tombstones = new TombstoneRing(options.tombstones);
	}

	async open(): Promise<void> {
		const { dataDir, partitions, workerIndex } = this.#options;
		const own = partitions.partitionsOf(workerIndex);
		const limit = checkDescriptors(own.length);
		this.#packs = new OpenFiles(packsKeptOpen(own.length, limit));
		try {
			for (const partition of own) await this.#openPartition(partition);
			// Names made just now: an acknowledged turn needs its partition's.
			for (const path of [partitionsDirectory(dataDir), blobsDirectory(dataDir)]) await flushDirectory(path);
		} catch (error) {
			throw isOutOfDescriptors(error) ? outOfDescriptors(own.length, limit, error) : error;
		}
		const records: TombstoneRecord[] = [];
		for (const partition of this.#partitions.values()) {
			records.push(...((await whileServing(() => partition.tombstones())) ?? []));
		}
		for (const { tombstone, order } of records.sort((left, right) => left.order - right.order)) {
			this.#lastOrder = order;
			this.#addTombstone(tombstone);
		}
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		this.#checkOpen();
		for (const partition of this.#partitions.values()) {
			// Whole before the first is handed on: of a partition that refuses, nobody must hold a session.
			yield* (await whileServing(() => allOf(partition.sessions()))) ?? [];
		}
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
		this.#partition(id).checkServing();
		return this.#tombstones.get(id);
	}

	async *obligations(): AsyncIterable<Obligation> {
		this.#checkOpen();
		for (const partition of this.#partitions.values()) {
			yield* (await whileServing(() => partition.obligations())) ?? [];
		}
	}

	async obligationsOf(id: SessionId): Promise<Obligation[]> {
		return this.#partition(id).obligations(id);
	}

	async commit(ops: readonly StoreOp[]): Promise<void> {
		const id = checkCommit(ops);
		if (id === undefined) return;
		const { tombstone } = await this.#partition(id).commit(id, ops, () => this.#nextOrder());
		if (tombstone === "remove") this.#tombstones.delete(id);
		else if (tombstone !== "keep") this.#addTombstone(tombstone);
	}

	async sizeBytes(): Promise<number> {
		this.#checkOpen();
		let bytes = 0;
		for (const partition of this.#partitions.values()) bytes += partition.sizeBytes();
		return bytes;
	}

	async close(): Promise<void> {
		this.#closed = true;
		await Promise.all(Array.from(this.#partitions.values(), (partition) => partition.close()));
		await this.#packs.close();
	}

	async #openPartition(partition: Partition): Promise<void> {
		const { dataDir, durability, epoch } = this.#options;
		const refuse = (reason: string) => this.#options.onPartitionRefused?.(partition, reason);
		try {
			const stem = partitionStem(dataDir, partition);
			const environment = await openEnvironment({ stem, partition, durability, epoch, onRefused: refuse });
			const blobs = new BlobFiles(
				blobDirectory(dataDir, partition),
				epoch,
				durability === "power",
				this.#packs,
			);
			const store = new PartitionStore(partition, environment, blobs, this.#space);
			this.#partitions.set(partition, store);
			await whileServing(() => store.sweep());
		} catch (error) {
			if (!(error instanceof DamagedEnvironment)) throw error;
			refuse(error.message);
		}
	}

	/** A number greater than every earlier one, also of earlier owners, as long as no clock goes back by years. */
	#nextOrder(): number {
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

/** What `read` gives; undefined when its partition refuses to serve, which the log was told. */
async function whileServing<T>(read: () => T | Promise<T>): Promise<T | undefined> {
	try {
		return await read();
	} catch (error) {
		if (error instanceof RollpinError && error.code === "partition_refused") return undefined;
		throw error;
	}
}

async function allOf<T>(values: AsyncIterable<T>): Promise<T[]> {
	const all: T[] = [];
	for await (const value of values) all.push(value);
	return all;
}
