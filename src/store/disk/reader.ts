// A data dir as a second process reads it, beside a running cluster or after one. Takes no lock, changes nothing.
//
// `session` looks at a session's files and keeps what it saw: all other reads of that id are of that moment, until `session`
// looks again. Nothing that was committed is ever written over, so a moment stays whole as long as its files are there.
import { statSync } from "node:fs";
import { ConfigError } from "../../base/errors.js";
import type { Partition, SessionId, TurnId } from "../../base/ids.js";
import { PARTITION_COUNT, partitionOf } from "../../base/partitions.js";
import { bootId } from "../../data-dir/boot-id.js";
import { checkFormat } from "../../data-dir/data-dir.js";
import { bootTagOf } from "../files/boot-tag.js";
import { Descriptors } from "../files/descriptors.js";
import { Medium } from "../files/medium.js";
import { run } from "../files/steps.js";
import type { SessionImage } from "../plan/image.js";
import { headersOf, metaOf } from "../plan/metas.js";
import type { PartCursor, PartName, ReadableStore, SessionMeta, Tombstone, TurnHeader } from "../store.js";
import { isOutOfDescriptors, partitionRefuses, storeDamaged, TurnGone } from "../store-errors.js";
import { outdates } from "./ledger.js";
import { fileName, fileStem, idOfStem, isNewer, partitionDirectory, sessionsDirectory } from "./names.js";
import { PartReader } from "./part-reader.js";
import type { PartView } from "./part-reading.js";
import { PartitionView } from "./partition-view.js";
import { beginAnew, RefusedPartition } from "./refused-partition.js";
import { Damage, type FoundSession, findSession, readImage, type SessionSource } from "./session-files.js";
import { damagedMeta } from "./stored-session.js";
import { isUnfiled, unfiledImage, unfiledMeta } from "./unfiled.js";

/** Sessions are read one after the other. */
const FILES_KEPT_OPEN = 32;
const LOOKS_KEPT = 8;
/** Files are written anew, or removed, between a look at their names and one at their bytes. */
const TRIES = 5;

export interface DiskReaderOptions {
	dataDir: string;
	/** Of this boot of the machine, null when it can't be told; asked of the system unless told. */
	bootId?: string | null;
	/** Told once for each partition that can't be read, with the reason and the remedy. */
	onPartitionRefused: (partition: Partition, reason: string) => void;
}

/** A session as it was at one moment. */
class Look implements PartView {
	readonly id: SessionId;
	readonly segments: FoundSession["segments"];
	readonly image: SessionImage;
	readonly version = 0;

	constructor({ id, segments }: Pick<FoundSession, "id" | "segments">, image: SessionImage) {
		this.id = id;
		this.segments = segments;
		this.image = image;
	}
}

/**
 * Every partition, whoever owns it.
 * @throws ConfigError when the directory holds no data, or data of another format
 */
export async function openDiskReader(options: DiskReaderOptions): Promise<ReadableStore> {
	await checkFormat(options.dataDir);
	const reader = new DiskReader(options);
	await reader.open();
	return reader;
}

class DiskReader implements ReadableStore {
	readonly #options: DiskReaderOptions;
	readonly #medium = new Medium();
	readonly #descriptors = new Descriptors(FILES_KEPT_OPEN, this.#medium);
	readonly #bootTag: number;
	readonly #refused = new Set<Partition>();
	readonly #views = new Map<Partition, PartitionView>();
	/** Oldest first. */
	readonly #looks = new Map<SessionId, Look>();
	readonly #parts: PartReader;

	constructor(options: DiskReaderOptions) {
		this.#options = options;
		this.#bootTag = bootTagOf(options.bootId === undefined ? bootId() : options.bootId);
		this.#parts = new PartReader({
			medium: this.#medium,
			descriptors: this.#descriptors,
			damaged: ({ id }) => storeDamaged(id),
		});
	}

	async open(): Promise<void> {
		for (let index = 0; index < PARTITION_COUNT; index++) {
			try {
				await this.#view(index as Partition).ledger();
			} catch (error) {
				if (isOutOfDescriptors(error)) throw outOfDescriptors(error);
				const directory = partitionDirectory(this.#options.dataDir, index as Partition);
				const reason =
					error instanceof RefusedPartition
						? error.message
						: new RefusedPartition(`${directory}: ${String(error)}`, beginAnew(directory)).message;
				this.#refused.add(index as Partition);
				this.#options.onPartitionRefused(index as Partition, reason);
			}
		}
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		for (let index = 0; index < PARTITION_COUNT; index++) {
			const partition = index as Partition;
			if (this.#refused.has(partition)) continue;
			// Before the files: a session that gets its first one meanwhile is found in either.
			const unfiled = new Map(
				[...(await this.#view(partition).ledger()).values()]
					.filter(isUnfiled)
					.map((record) => [fileStem(record.id), record]),
			);
			for (const stem of [...this.#view(partition).stems]) {
				const meta = await this.#metaOf(partition, stem);
				if (meta === undefined) continue;
				unfiled.delete(stem);
				yield meta;
			}
			for (const record of unfiled.values()) yield unfiledMeta(record);
		}
	}

	async session(id: SessionId): Promise<SessionMeta | undefined> {
		this.#looks.delete(id);
		const look = await this.#look(id);
		return look === undefined ? undefined : metaOf(look.image.record);
	}

	async headers(id: SessionId): Promise<TurnHeader[]> {
		const look = await this.#look(id);
		return look === undefined ? [] : headersOf(look.image);
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		return run(this.#parts.part(await this.#readable(id, turn), turn, part));
	}

	async *streamPart(
		id: SessionId,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		yield* this.#parts.stream(await this.#readable(id, turn), turn, part, buffers);
	}

	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		const look = this.#looks.get(id);
		if (look === undefined) throw new TurnGone(id, turn);
		return this.#parts.cursor(look, turn, part);
	}

	async partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		const stored = (await this.#readable(id, turn)).image.get(turn);
		if (stored === undefined) throw new TurnGone(id, turn);
		return stored.parts.get(part)?.length ?? 0;
	}

	async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		const partition = partitionOf(id);
		if (this.#refused.has(partition)) throw partitionRefuses(partition);
		const record = (await this.#view(partition).ledger()).get(id);
		if (record === undefined || record.tombstone === null) return undefined;
		return (await this.#look(id)) === undefined ? record.tombstone : undefined;
	}

	async sizeBytes(): Promise<number> {
		let bytes = 0;
		for (let index = 0; index < PARTITION_COUNT; index++) {
			const directory = this.#sessionsOf(index as Partition);
			for (const name of this.#view(index as Partition).names) {
				bytes += statSync(`${directory}/${name}`, { throwIfNoEntry: false })?.size ?? 0;
			}
		}
		return bytes;
	}

	cool(id: SessionId): void {
		this.#looks.delete(id);
	}

	async close(): Promise<void> {
		this.#descriptors.close();
	}

	async #readable(id: SessionId, turn: TurnId): Promise<Look> {
		const look = await this.#look(id);
		if (look === undefined) throw new TurnGone(id, turn);
		return look;
	}

	/** @throws RollpinError `store_damaged`, `partition_refused` */
	async #look(id: SessionId): Promise<Look | undefined> {
		const seen = this.#looks.get(id);
		if (seen !== undefined) return seen;
		const partition = partitionOf(id);
		if (this.#refused.has(partition)) throw partitionRefuses(partition);
		const look = await this.#tried(id, async () => {
			// Before the files: a session that gets its first one meanwhile is found in either.
			const record = (await this.#view(partition).ledger()).get(id);
			const found = await this.#find(partition, fileStem(id), id);
			if (found === undefined) {
				return isUnfiled(record) ? new Look({ id, segments: [] }, unfiledImage(record)) : undefined;
			}
			return new Look(found, await run(readImage(this.#source(partition, fileStem(id)), found.segments)));
		});
		if (look === undefined) return undefined;
		this.#looks.set(id, look);
		for (const oldest of this.#looks.keys()) {
			if (this.#looks.size <= LOOKS_KEPT) break;
			this.#looks.delete(oldest);
		}
		return look;
	}

	/** What `look` gives; again when files were changed under its hands. */
	async #tried<T>(id: SessionId, look: () => Promise<T | undefined>): Promise<T | undefined> {
		for (let tries = 1; ; tries++) {
			try {
				return await look();
			} catch (error) {
				if (!Damage.isBehind(error)) throw error;
				if (tries >= TRIES) throw storeDamaged(id);
			}
		}
	}

	async #metaOf(partition: Partition, stem: string): Promise<SessionMeta | undefined> {
		for (let tries = 1; ; tries++) {
			try {
				return (await this.#find(partition, stem, null))?.meta;
			} catch (error) {
				if (!Damage.isBehind(error)) throw error;
				if (tries < TRIES) continue;
				const id = (error instanceof Damage ? error.head?.id : undefined) ?? idOfStem(stem);
				// Whoever asks for it by its id is told.
				return damagedMeta({ id: id as SessionId | null, slot: error instanceof Damage ? error.slot : null });
			}
		}
	}

	async #find(partition: Partition, stem: string, id: SessionId | null): Promise<FoundSession | undefined> {
		const stamps = this.#view(partition).stampsOf(stem);
		if (stamps.length === 0) return undefined;
		const newest = stamps.reduce((left, right) => (isNewer(right, left) ? right : left));
		const found = await run(findSession(this.#source(partition, stem), newest, id));
		return outdates((await this.#view(partition).ledger()).get(found.id), found.order) ? undefined : found;
	}

	#view(partition: Partition): PartitionView {
		let view = this.#views.get(partition);
		if (view === undefined) {
			const directory = partitionDirectory(this.#options.dataDir, partition);
			view = new PartitionView(directory, this.#medium, this.#bootTag);
			this.#views.set(partition, view);
		}
		return view;
	}

	#sessionsOf(partition: Partition): string {
		return sessionsDirectory(partitionDirectory(this.#options.dataDir, partition));
	}

	#source(partition: Partition, stem: string): SessionSource {
		const directory = this.#sessionsOf(partition);
		return {
			medium: this.#medium,
			descriptors: this.#descriptors,
			bootTag: this.#bootTag,
			pathOf: (stamp) => `${directory}/${fileName(stem, stamp)}`,
			isOwn: () => false,
		};
	}
}

function outOfDescriptors(cause: unknown): ConfigError {
	return new ConfigError(
		"this process may not open enough files for a whole data dir; raise the limit (ulimit -n 1024)",
		{ cause },
	);
}
