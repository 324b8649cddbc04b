// One partition's LMDB environment as a second process reads it. Writes no record, takes no write lock, owns no epoch.
//
// What is read was committed; each read is a transaction of its own, so that no page is kept from the writer.
import { constants, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { open } from "lmdb";
import { bootId } from "../../data-dir/boot-id.js";
import type { KeyRange } from "../plan/keys.js";
import { findDefect, needsFallback } from "./file.js";
import { damaged, dataFile, type LmdbDatabase, openDatabase, readMarker, unopened } from "./open.js";

/** A writer that grows the file between two looks at it makes it seem short. */
const LOOKS = 5;
const LOOK_PAUSE_MS = 50;

/**
 * Null when nobody was ever told of anything in it. May be open once in a process.
 * @throws DamagedEnvironment when its file is missing, short, or not an environment, or can't be opened
 * @throws what the system throws when no more files may be opened (`isOutOfDescriptors`)
 */
export async function openForReading(stem: string): Promise<ReadEnvironment | null> {
	const path = dataFile(stem);
	if (readMarker(stem) === undefined) return null;
	let defect: string | null = null;
	for (let look = 0; look < LOOKS; look++) {
		defect = findDefect(path, bootId());
		if (defect === null) break;
		await pause(LOOK_PAUSE_MS);
	}
	if (defect !== null) throw damaged(stem, defect);
	try {
		if (needsFallback(path, bootId())) return openCopy(path);
		return new ReadEnvironment(openReadOnly(path), path, null);
	} catch (error) {
		throw unopened(stem, error);
	}
}

export class ReadEnvironment {
	readonly #db: LmdbDatabase;
	readonly #path: string;
	/** Directory of a private copy, removed when this is closed. */
	readonly #copyDir: string | null;

	/** Use `openForReading`. */
	constructor(db: LmdbDatabase, path: string, copyDir: string | null) {
		this.#db = db;
		this.#path = path;
		this.#copyDir = copyDir;
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

	get path(): string {
		return this.#path;
	}

	async close(): Promise<void> {
		await this.#db.close();
		if (this.#copyDir !== null) rmSync(this.#copyDir, { recursive: true, force: true });
	}

	/** Runs `read`, which reads and decodes. */
	reading<T>(read: () => T): T {
		try {
			return read();
		} finally {
			// At once: the next read must see what was committed meanwhile, and the writer its free pages.
			this.#db.resetReadTxn();
		}
	}
}

function openReadOnly(path: string): LmdbDatabase {
	return open<Buffer, Uint8Array>(path, {
		keyEncoding: "binary",
		encoding: "binary",
		noSubdir: true,
		maxDbs: 1,
		readOnly: true,
	});
}

/**
 * After a power loss, or on another machine, the newest transaction may be there in part. An owner's open falls back to
 * the last flushed one by writing; here a copy is written instead, and the data dir stays as it is.
 */
function openCopy(path: string): ReadEnvironment {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-read-"));
	try {
		const copy = join(dir, "copy.mdb");
		copyFileSync(path, copy, constants.COPYFILE_FICLONE);
		return new ReadEnvironment(openDatabase(copy, true), path, dir);
	} catch (error) {
		rmSync(dir, { recursive: true, force: true });
		throw error;
	}
}
