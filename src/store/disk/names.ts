// Names in a data dir: where a partition is, which files a session has. Pure.
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Partition, SessionId } from "../../base/ids.js";
import { partitionsDirectory } from "../../data-dir/data-dir.js";
import { partitionName } from "../../data-dir/new-partitions.js";

export const partitionDirectory = (dataDir: string, partition: Partition) =>
	join(partitionsDirectory(dataDir), partitionName(partition));
export const sessionsDirectory = (directory: string) => join(directory, "sessions");
export const ownerFile = (directory: string) => join(directory, "owner");

/** Ids that every file system keeps apart, and that no other name here looks like. */
const PLAIN_ID = /^[a-z0-9_-]{1,64}$/;
const FILE_NAME = /^([a-z0-9_-]{1,64}|~[0-9a-f]{40}|ledger)\.([0-9a-z]+)-([0-9a-z]+)$/;

/** The files of a session begin with this: its id, or a hash of it where a file system might fold or refuse it. */
export function fileStem(id: SessionId): string {
	return PLAIN_ID.test(id) ? id : `~${createHash("sha256").update(id).digest("hex").slice(0, 40)}`;
}

/** The id that a stem says by itself; null for a hash. */
export function idOfStem(stem: string): SessionId | null {
	return stem.startsWith("~") ? null : (stem as SessionId);
}

/** Which of a session's files: the owner that made it, and its number among those that it made. */
export interface FileStamp {
	readonly epoch: number;
	readonly number: number;
}

export function stampText({ epoch, number }: FileStamp): string {
	return `${epoch.toString(36)}-${number.toString(36)}`;
}

/** Of a text that `stampText` made. */
export function parseStamp(text: string): FileStamp {
	const [epoch = "", number = ""] = text.split("-");
	return { epoch: Number.parseInt(epoch, 36), number: Number.parseInt(number, 36) };
}

export function isNewer(left: FileStamp, right: FileStamp): boolean {
	return left.epoch === right.epoch ? left.number > right.number : left.epoch > right.epoch;
}

/** Null for what is no such file: one that was never finished, a stranger's. */
export function parseFileName(name: string): { stem: string; stamp: FileStamp } | null {
	const [, stem, epoch, number] = FILE_NAME.exec(name) ?? [];
	if (stem === undefined || epoch === undefined || number === undefined) return null;
	return { stem, stamp: { epoch: Number.parseInt(epoch, 36), number: Number.parseInt(number, 36) } };
}

export const fileName = (stem: string, stamp: FileStamp) => `${stem}.${stampText(stamp)}`;
export const LEDGER_STEM = "ledger";

/** The ledgers among names, and what was to be one. */
export function ledgersOf(names: readonly string[]): string[] {
	const isLedger = (name: string) => parseFileName(name)?.stem === LEDGER_STEM;
	return names.filter((name) =>
		isLedger(name.endsWith(UNFINISHED) ? name.slice(0, -UNFINISHED.length) : name),
	);
}

/** The one that counts: an owner's is whole when it has its name. */
export function newestLedger(names: readonly string[]): FileStamp | null {
	let newest: FileStamp | null = null;
	for (const name of names) {
		const parsed = parseFileName(name);
		if (parsed?.stem !== LEDGER_STEM) continue;
		if (newest === null || isNewer(parsed.stamp, newest)) newest = parsed.stamp;
	}
	return newest;
}

/** What a file is called until it is whole. */
export const UNFINISHED = ".tmp";
