// What a reader knows of one partition: its sessions' files and its ledger, read again only when they have changed. Writes nothing.
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import type { SessionId } from "../../base/ids.js";
import type { Medium } from "../files/medium.js";
import { FRAMES_AT } from "../files/slots.js";
import { run } from "../files/steps.js";
import { isMissing } from "../store-errors.js";
import { type LedgerRecord, readLedger } from "./ledger.js";
import {
	type FileStamp,
	fileName,
	LEDGER_STEM,
	newestLedger,
	parseFileName,
	sessionsDirectory,
} from "./names.js";
import { readOwner } from "./owner.js";
import { checkWhole, RefusedPartition } from "./refused-partition.js";

/** A ledger is written anew, or removed, between a look at its name and one at its bytes. */
const TRIES = 5;
/** Clocks of file systems are coarse: a directory that was changed just now may change again and look the same. */
const SETTLED_MS = 2500;

type Records = ReadonlyMap<SessionId, LedgerRecord>;
const NO_RECORDS: Records = new Map();
const NO_FILES: readonly FileStamp[] = [];

export class PartitionView {
	readonly #directory: string;
	readonly #medium: Medium;
	readonly #bootTag: number;
	readonly #names: DirectoryNames;
	readonly #sessionNames: DirectoryNames;
	/** Those of which the partition's owners miss none. */
	#whole: readonly string[] | null = null;
	/** Stamps by stem, as of `#listed`. */
	#files: ReadonlyMap<string, readonly FileStamp[]> = new Map();
	#listed: readonly string[] | null = null;
	/** `start`: its head and its slots, one of which every append writes. */
	#ledger: { name: string; start: Buffer; records: Records } | null = null;

	constructor(directory: string, medium: Medium, bootTag: number, nowMs: () => number = Date.now) {
		this.#directory = directory;
		this.#medium = medium;
		this.#bootTag = bootTag;
		this.#names = new DirectoryNames(directory, nowMs);
		this.#sessionNames = new DirectoryNames(sessionsDirectory(directory), nowMs);
	}

	/** Names of the sessions' files, and of strangers' beside them. */
	get names(): readonly string[] {
		return this.#sessionNames.read();
	}

	get stems(): Iterable<string> {
		return this.#current().keys();
	}

	/** Of a session's files; empty when there is none. */
	stampsOf(stem: string): readonly FileStamp[] {
		return this.#current().get(stem) ?? NO_FILES;
	}

	/** What is known of ids without a file. @throws RefusedPartition; what the system throws */
	async ledger(): Promise<Records> {
		for (let tries = 1; ; tries++) {
			const names = this.#names.read();
			try {
				const newest = await this.#newest(names);
				return newest === null ? NO_RECORDS : await this.#recordsOf(newest);
			} catch (error) {
				if (tries === TRIES || !(isMissing(error) || error instanceof RefusedPartition)) throw error;
				this.#names.forget();
			}
		}
	}

	/** The ledger among names, none of which is missed. @throws RefusedPartition; what the system throws */
	async #newest(names: readonly string[]): Promise<FileStamp | null> {
		if (names !== this.#whole) {
			const { ledger } = await run(readOwner(this.#medium, this.#directory));
			checkWhole(this.#directory, names, ledger);
			this.#whole = names;
		}
		return newestLedger(names);
	}

	async #recordsOf(stamp: FileStamp): Promise<Records> {
		const name = fileName(LEDGER_STEM, stamp);
		// Before the records: what is appended meanwhile is found by the next look.
		const start = startOf(`${this.#directory}/${name}`);
		const known = this.#ledger;
		if (known?.name === name && known.start.equals(start)) return known.records;
		const { records } = await run(readLedger(this.#medium, this.#directory, stamp, this.#bootTag));
		this.#ledger = { name, start, records };
		return records;
	}

	#current(): ReadonlyMap<string, readonly FileStamp[]> {
		const names = this.#sessionNames.read();
		if (names === this.#listed) return this.#files;
		const files = new Map<string, FileStamp[]>();
		for (const name of names) {
			const parsed = parseFileName(name);
			if (parsed === null) continue;
			const stamps = files.get(parsed.stem);
			if (stamps === undefined) files.set(parsed.stem, [parsed.stamp]);
			else stamps.push(parsed.stamp);
		}
		this.#files = files;
		this.#listed = names;
		return files;
	}
}

/** The names in a directory; none when it is not there. */
class DirectoryNames {
	readonly #path: string;
	/** Wall clock, as the file system's. */
	readonly #nowMs: () => number;
	/** Null: to be read, whatever the directory looks like. */
	#known: { names: readonly string[]; look: string } | null = null;

	constructor(path: string, nowMs: () => number) {
		this.#path = path;
		this.#nowMs = nowMs;
	}

	/** The same array as long as the directory is the same. */
	read(): readonly string[] {
		const beganMs = this.#nowMs();
		const stats = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
		if (stats === undefined) return [];
		const look = `${stats.ino} ${stats.ctimeNs}`;
		if (this.#known?.look === look) return this.#known.names;
		const names = namesIn(this.#path);
		const isSettled = beganMs - Number(stats.ctimeNs / 1_000_000n) >= SETTLED_MS;
		this.#known = isSettled ? { names, look } : null;
		return names;
	}

	/** One of the names is not there any more. */
	forget(): void {
		this.#known = null;
	}
}

function namesIn(directory: string): string[] {
	try {
		return readdirSync(directory);
	} catch (error) {
		if (isMissing(error)) return [];
		throw error;
	}
}

function startOf(path: string): Buffer {
	const start = Buffer.alloc(FRAMES_AT);
	const fd = openSync(path, "r");
	try {
		return start.subarray(0, readSync(fd, start, 0, FRAMES_AT, 0));
	} finally {
		closeSync(fd);
	}
}
