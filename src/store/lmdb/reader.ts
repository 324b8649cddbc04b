// A data dir as a second process reads it, beside a running cluster or after one. Takes no lock, changes nothing.
import { statSync } from "node:fs";
import { ConfigError } from "../../base/errors.js";
import type { Partition, SessionId, TurnId } from "../../base/ids.js";
import { PARTITION_COUNT, partitionOf } from "../../base/partitions.js";
import { blobDirectory, checkFormat, partitionStem } from "../../data-dir/data-dir.js";
import { BlobFiles } from "../files/blob-files.js";
import { OpenFiles } from "../files/open-files.js";
import { tombstoneKey } from "../plan/keys.js";
import { decodeRecord } from "../plan/records.js";
import type { PartCursor, PartName, ReadableStore, SessionMeta, Tombstone, TurnHeader } from "../store.js";
import { isDamaged, isOutOfDescriptors, partitionRefuses, TurnGone } from "../store-errors.js";
import { DamagedEnvironment } from "./open.js";
import { PartitionReader } from "./partition-reader.js";
import { openForReading, type ReadEnvironment } from "./read-environment.js";

/** Sessions are read one after the other. */
const PACKS_KEPT_OPEN = 8;

export interface LmdbReaderOptions {
	dataDir: string;
	/** Told once for each partition that can't be read, with the reason and the remedy. */
	onPartitionRefused: (partition: Partition, reason: string) => void;
}

interface Opened {
	environment: ReadEnvironment;
	reader: PartitionReader;
}

/**
 * Every partition, whoever owns it. Two reads are two moments: a running cluster may commit between them.
 * May be open once in a process, and not beside an `openLmdbStore` of the same data dir.
 * @throws ConfigError when the directory holds no data, or data of another format
 */
export async function openLmdbReader(options: LmdbReaderOptions): Promise<ReadableStore> {
	await checkFormat(options.dataDir);
	const partitions = new Map<Partition, Opened | null>();
	const packs = new OpenFiles(PACKS_KEPT_OPEN);
	for (let index = 0; index < PARTITION_COUNT; index++) {
		const partition = index as Partition;
		try {
			const environment = await openForReading(partitionStem(options.dataDir, partition));
			if (environment === null) continue;
			const blobs = new BlobFiles(blobDirectory(options.dataDir, partition), null, false, packs);
			partitions.set(partition, { environment, reader: new PartitionReader(environment, blobs) });
		} catch (error) {
			if (isOutOfDescriptors(error)) throw outOfDescriptors(error);
			if (!(error instanceof DamagedEnvironment)) throw error;
			partitions.set(partition, null);
			options.onPartitionRefused(partition, error.message);
		}
	}
	return new LmdbReader(partitions, packs, options.onPartitionRefused);
}

class LmdbReader implements ReadableStore {
	/** Null for one that can't be read; absent for one that was never used. */
	readonly #partitions: ReadonlyMap<Partition, Opened | null>;

	readonly #packs: OpenFiles;
	readonly #onRefused: LmdbReaderOptions["onPartitionRefused"];

	constructor(
		partitions: ReadonlyMap<Partition, Opened | null>,
		packs: OpenFiles,
		onRefused: LmdbReaderOptions["onPartitionRefused"],
	) {
		this.#partitions = partitions;
		this.#packs = packs;
		this.#onRefused = onRefused;
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		for (const [partition, opened] of this.#partitions) {
			if (opened === null) continue;
			try {
				yield* opened.reader.sessions();
			} catch (error) {
				if (!isDamaged(error)) throw error;
				this.#onRefused(partition, `${opened.environment.path} can't be read: ${reasonOf(error)}`);
			}
		}
	}

	async session(id: SessionId): Promise<SessionMeta | undefined> {
		return this.#of(id)?.reader.session(id);
	}

	async headers(id: SessionId): Promise<TurnHeader[]> {
		return this.#of(id)?.reader.headers(id) ?? [];
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		return this.#of(id)?.reader.part(id, turn, part) ?? Buffer.alloc(0);
	}

	async *streamPart(
		id: SessionId,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		const opened = this.#of(id);
		if (opened !== undefined) yield* opened.reader.streamPart(id, turn, part, buffers);
	}

	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		const opened = this.#of(id);
		if (opened === undefined) throw new TurnGone(id, turn);
		return opened.reader.openPart(id, turn, part);
	}

	async partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		return this.#of(id)?.reader.partLength(id, turn, part) ?? 0;
	}

	async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		const value = this.#of(id)?.environment.get(tombstoneKey(id));
		return value === undefined ? undefined : decodeRecord("tombstone", value).tombstone;
	}

	/** Without the blob files. */
	async sizeBytes(): Promise<number> {
		let bytes = 0;
		for (const opened of this.#partitions.values()) {
			if (opened !== null) bytes += statSync(opened.environment.path).size;
		}
		return bytes;
	}

	async close(): Promise<void> {
		for (const opened of this.#partitions.values()) await opened?.environment.close();
		await this.#packs.close();
	}

	#of(id: SessionId): Opened | undefined {
		const partition = partitionOf(id);
		const opened = this.#partitions.get(partition);
		if (opened === null) throw partitionRefuses(partition);
		return opened;
	}
}

function outOfDescriptors(cause: unknown): ConfigError {
	return new ConfigError(
		"this process may not open enough files for a whole data dir; raise the limit (ulimit -n 1024)",
		{ cause },
	);
}

function reasonOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
