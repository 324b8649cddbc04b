// One partition's LMDB environment: opening, checking, fencing by epoch, atomic batches. Knows no sessions.
//
// Traps of lmdb-js that decide what is here are listed in docs/store.md.
import { statSync } from "node:fs";
import { IF_EXISTS } from "lmdb";
import { RollpinError } from "../../base/errors.js";
import type { Partition } from "../../base/ids.js";
import { replaceContent } from "../../data-dir/durable-file.js";
import type { KeyChange } from "../plan/commit-plan.js";
import { EPOCHS, epochKey, epochOf, type KeyRange } from "../plan/keys.js";
import { encodeRecord } from "../plan/records.js";
import { isDamaged, isFull, partitionRefuses, storeFull } from "../store-errors.js";
import {
	damaged,
	dataFile,
	type LmdbDatabase,
	markerFile,
	openChecked,
	readMarker,
	unopened,
} from "./open.js";

export type Durability = "process" | "power";

export interface EnvironmentOptions {
	/** Path without its ending. */
	stem: string;
	partition: Partition;
	durability: Durability;
	epoch: number;
	/** Told once when the environment stops serving, with the reason and the remedy. */
	onRefused(reason: string): void;
}

/**
 * Opens, checks and takes over an environment. Blocks the thread while a living process holds its write lock: the
 * former owner must be dead. The caller flushes the directory before anything is acknowledged: without the mark there,
 * or the file's name, a power loss takes everything.
 * @throws DamagedEnvironment when its file is missing, short, or not an environment, or can't be opened
 * @throws what the system throws when no more files may be opened (`isOutOfDescriptors`)
 * @throws RollpinError `session_state_conflict` when an owner with this epoch or a later one has had it
 */
export async function openEnvironment(options: EnvironmentOptions): Promise<LmdbEnvironment> {
	const db = await openChecked(options);
	try {
		const environment = new LmdbEnvironment(db, options);
		await environment.takeOver();
		const { stem, durability } = options;
		if (readMarker(stem) !== durability) await replaceContent(markerFile(stem), `${durability}\n`);
		return environment;
	} catch (error) {
		await db.close();
		throw unopened(options.stem, error);
	}
}

export class LmdbEnvironment {
	readonly #db: LmdbDatabase;
	readonly #options: EnvironmentOptions;
	readonly #epochKey: Buffer;
	#refused = false;
	#fenced = false;

	/** Use `openEnvironment`, which also takes it over. */
	constructor(db: LmdbDatabase, options: EnvironmentOptions) {
		this.#db = db;
		this.#options = options;
		this.#epochKey = epochKey(options.epoch);
	}

	/** Writes this owner's epoch, which shuts every earlier owner out. */
	async takeOver(): Promise<void> {
		const { epoch, partition } = this.#options;
		const earlier = this.keys(EPOCHS);
		const newest = Math.max(-1, ...earlier.map(epochOf));
		if (newest >= epoch) {
			throw new RollpinError(
				"session_state_conflict",
				`partition ${partition} was taken over with epoch ${newest}, so epoch ${epoch} comes too late: a newer process ` +
					`owns it`,
			);
		}
		try {
			await this.#db.batch(() => {
				for (const key of earlier) this.#db.remove(key);
				this.#db.put(this.#epochKey, encodeRecord("epoch", { partition, epoch }));
			});
			// Before the mark that a file must be there.
			await this.#db.flushed;
		} catch (error) {
			throw this.#explain(await realError(error));
		}
	}

	/** Runs `read`; when what it reads proves damaged, the environment stops serving. */
	reading<T>(read: () => T): T {
		this.checkServing();
		try {
			return read();
		} catch (error) {
			throw this.#explain(error);
		}
	}

	/** A copy of the value, which belongs to the caller. */
	get(key: Buffer): Buffer | undefined {
		return this.reading(() => this.#db.getBinary(key));
	}

	/** Calls `visit` for up to `limit` entries of a range; the value may be used during the call only. */
	scan(
		range: KeyRange,
		visit: (key: Uint8Array, value: Buffer) => void,
		limit = Number.MAX_SAFE_INTEGER,
	): void {
		this.reading(() => {
			for (const { key, value } of this.#db.getRange({ ...range, limit })) visit(key, value);
		});
	}

	/** Keys of a range, without reading their values. */
	keys(range: KeyRange): Buffer[] {
		return this.reading(() => Array.from(this.#db.getKeys(range), (key) => Buffer.from(key)));
	}

	/**
	 * Makes all changes in one transaction, if this owner's epoch still stands, and resolves when it is committed
	 * (durability `process`) or flushed (`power`). On any error none of the changes was made.
	 */
	async write(changes: readonly KeyChange[]): Promise<void> {
		this.checkServing();
		let held: boolean;
		try {
			held = await this.#db.ifVersion(this.#epochKey, IF_EXISTS, () => {
				// Nothing in here may throw: what was queued before it would be committed.
				for (const { key, value } of changes) {
					if (value === null) this.#db.remove(key);
					else this.#db.put(key, value);
				}
			});
		} catch (error) {
			throw this.#explain(await realError(error));
		}
		if (held) return;
		this.#fenced = true;
		this.#options.onRefused(
			`partition ${this.#options.partition} has another owner than epoch ${this.#options.epoch}: this process was ` +
				`replaced and must not write any more; it should be ended`,
		);
		throw this.#fencedError();
	}

	/** Bytes of the file. */
	sizeBytes(): number {
		return statSync(dataFile(this.#options.stem)).size;
	}

	async close(): Promise<void> {
		this.#refused = true;
		await this.#db.close();
	}

	/** Throws when it has stopped serving. */
	checkServing(): void {
		if (this.#fenced) throw this.#fencedError();
		if (this.#refused) throw partitionRefuses(this.#options.partition);
	}

	#fencedError(): RollpinError {
		return new RollpinError(
			"session_state_conflict",
			`this process no longer owns partition ${this.#options.partition}: nothing was changed; send the request again`,
		);
	}

	#explain(error: unknown): unknown {
		if (isFull(error)) return storeFull(error);
		if (!isDamaged(error)) return error;
		if (!this.#refused) {
			this.#refused = true;
			this.#options.onRefused(
				damaged(this.#options.stem, error instanceof Error ? error.message : "").message,
			);
		}
		return partitionRefuses(this.#options.partition);
	}
}

/** The error behind lmdb-js's "Commit failed": it rejects that one separately, a moment later. */
async function realError(error: unknown): Promise<unknown> {
	if (!(error instanceof Error) || !("commitError" in error)) return error;
	try {
		await error.commitError;
	} catch (cause) {
		return cause;
	}
	return error;
}
