// The sessions of one partition: reads, and commits in the order they were asked for. Knows no other partition.
import type { Partition, SessionId, TurnId } from "../../base/ids.js";
import type { BlobFiles } from "../files/blob-files.js";
import type { FreeSpace } from "../files/free-space.js";
import { type CommitPlan, planCommit } from "../plan/commit-plan.js";
import { MIN_SHARED_BYTES } from "../plan/commit-rules.js";
import { BLOBS, nameOf, OBLIGATIONS, obligationRange, TOMBSTONES, tombstoneKey } from "../plan/keys.js";
import { byteLength, PrefixMatch } from "../plan/pieces.js";
import { decodeRecord, type TombstoneRecord } from "../plan/records.js";
import type { Obligation, PartBase, StoreOp } from "../store.js";
import { isFull, isOutOfDescriptors, noDescriptors, storeFull, TurnGone } from "../store-errors.js";
import type { LmdbEnvironment } from "./environment.js";
import { PartitionReader } from "./partition-reader.js";

export class PartitionStore extends PartitionReader {
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
		super(environment, blobs);
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

	/** Of one session; without one, of all. */
	obligations(id?: SessionId): Obligation[] {
		const found: Obligation[] = [];
		this.#environment.scan(id === undefined ? OBLIGATIONS : obligationRange(id), (_key, value) => {
			const { session, resource, handleJson, ended } = decodeRecord("obligation", value);
			found.push({ session, resource, handleJson, ended });
		});
		return found;
	}

	/** Forgets a stored tombstone, with the next commit or, failing that, at the next start. */
	forget(id: SessionId): void {
		this.#fallen.push(id);
	}

	/** Commits after the session's earlier commits; those of other sessions share a transaction with it. */
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
		const shared = await this.#sharedPrefixes(id, ops);
		const plan = this.#environment.reading(() =>
			planCommit(id, ops, {
				stored: this.#environment,
				tombstoneOrder,
				newBlobName: () => this.#blobs.newName(),
				isOwnBlob: (name) => this.#blobs.isOwn(name),
				shared: (turn, part) => shared.get(`${turn} ${part}`) ?? 0,
			}),
		);
		await this.#space.grant(bytesAdded(plan));
		try {
			await this.#writeFiles(plan);
			// Taken in the same tick as the write is queued: a later commit may bury one of them anew.
			const fallen = this.#fallen.filter((gone) => gone !== id);
			this.#fallen = [];
			const removals = fallen.map((gone) => ({ key: tombstoneKey(gone), value: null }));
			await this.#environment.write([...removals, ...plan.changes]);
		} catch (error) {
			for (const { name } of newFiles(plan)) await this.#blobs.remove(name);
			throw error;
		}
		for (const blob of plan.newBlobs) this.#blobBytes += blob.length;
		for (const { pieces } of plan.packed) this.#blobBytes += byteLength(pieces);
		for (const blob of plan.oldBlobs) {
			this.#blobBytes -= blob.length;
			await this.#blobs.remove(blob.name);
		}
		for (const { name, length, freed } of plan.cutBlobs) {
			this.#blobBytes -= freed;
			await this.#blobs.cut(name, length);
		}
		return plan;
	}

	/**
	 * What appended parts have in common with their bases, by `<turn> <part>`. No other commit of the session comes
	 * between this and the plan that uses it.
	 */
	async #sharedPrefixes(id: SessionId, ops: readonly StoreOp[]): Promise<Map<string, number>> {
		const found = new Map<string, number>();
		const changed = new Set<TurnId>();
		for (const op of ops) {
			// What is stored is not what the turns after it in this commit would begin with.
			if (op.op === "bury") break;
			if (op.op === "drop_turn") changed.add(op.turn);
			if (op.op !== "append_turn") continue;
			for (const [name, base] of op.bases ?? []) {
				if (changed.has(base.turn)) continue;
				const shared = await this.#sharedPrefix(id, op.parts.get(name) ?? [], base);
				if (shared >= MIN_SHARED_BYTES) found.set(`${op.header.id} ${name}`, shared);
			}
		}
		return found;
	}

	async #sharedPrefix(id: SessionId, pieces: readonly Uint8Array[], base: PartBase): Promise<number> {
		if (byteLength(pieces) < MIN_SHARED_BYTES) return 0;
		const match = new PrefixMatch(pieces);
		try {
			for await (const piece of this.skim(id, base.turn, base.part, base.shared ?? 0)) {
				if (!match.take(piece)) break;
			}
		} catch (error) {
			if (error instanceof TurnGone) return 0;
			throw error;
		}
		return match.shared;
	}

	/** Those of one commit at once: each waits for its own flush. */
	async #writeFiles({ newBlobs, packed }: CommitPlan): Promise<void> {
		const packing = (async () => {
			for (const { name, offset, pieces, created } of packed) {
				await this.#blobs.append(name, offset, pieces, created);
			}
		})();
		const writes = [packing, ...newBlobs.map(({ name, pieces }) => this.#blobs.write(name, pieces))];
		// All have ended before any file is removed again.
		const failed = (await Promise.allSettled(writes)).find((end) => end.status === "rejected");
		if (failed === undefined) return;
		const error: unknown = failed.reason;
		if (isFull(error)) throw storeFull(error);
		throw isOutOfDescriptors(error) ? noDescriptors(error) : error;
	}
}

/** Files that a plan brings into being. */
function newFiles({ newBlobs, packed }: CommitPlan): Array<{ name: string }> {
	return [...newBlobs, ...packed.filter(({ created }) => created)];
}

function ignore(): void {}

function bytesAdded({ changes, newBlobs, packed }: CommitPlan): number {
	let bytes = 0;
	for (const { pieces } of packed) bytes += byteLength(pieces);
	for (const { length } of newBlobs) bytes += length;
	for (const { value } of changes) bytes += value?.length ?? 0;
	return bytes;
}
