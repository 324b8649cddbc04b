// Opens one partition's LMDB file: looks at it before it is mapped, says what can be done where it can't be served. Writes
// no record of ours.
import { readFileSync, rmSync } from "node:fs";
import { open, type RootDatabase } from "lmdb";
import { RollpinError } from "../../base/errors.js";
import { bootId, hasBootId } from "../../data-dir/boot-id.js";
import { isOutOfDescriptors, isSystemError } from "../store-errors.js";
import { findDefect, isUnflushed } from "./file.js";

/** An environment that can't be served; the message holds the reason and the remedy. */
export class DamagedEnvironment extends Error {}

export type LmdbDatabase = RootDatabase<Buffer, Uint8Array>;

/** @throws as `openEnvironment` */
export async function openChecked(options: {
	stem: string;
	durability: "process" | "power";
}): Promise<LmdbDatabase> {
	const { stem, durability } = options;
	const path = dataFile(stem);
	try {
		const marker = readMarker(stem);
		if (marker === undefined) {
			// The marker is written before the first ack: without it the file holds nothing anybody was told of.
			rmSync(path, { force: true });
			rmSync(`${path}-lock`, { force: true });
		} else {
			const defect = findDefect(path, bootId());
			if (defect !== null) throw damaged(stem, defect);
		}
		const overlapping = durability === "process" && hasBootId();
		// After a power loss only an overlapping open finds the last state that was flushed.
		if (marker !== undefined && !overlapping && isUnflushed(path)) await settle(path);
		return openDatabase(path, overlapping);
	} catch (error) {
		throw unopened(stem, error);
	}
}

/**
 * Address space reserved for one environment's map; it still grows beyond when the file does. lmdb-js begins with 128 KiB
 * and doubles, and keeps every outgrown map: the same pages would then count in the process's RSS several times.
 */
const MAP_BYTES = 1024 ** 3;

export function openDatabase(path: string, overlappingSync: boolean): LmdbDatabase {
	return open<Buffer, Uint8Array>(path, {
		keyEncoding: "binary",
		encoding: "binary",
		noSubdir: true,
		maxDbs: 1,
		overlappingSync,
		mapSize: MAP_BYTES,
		// With it, lmdb-js drops a promise of its own, which a failed commit rejects.
		eventTurnBatching: false,
	});
}

/** Awaits the close: two opens of one environment in one process deadlock. No sync transaction: close() hangs after one. */
async function settle(path: string): Promise<void> {
	const db = openDatabase(path, true);
	await db.put(Buffer.of(0x01), Buffer.of(0));
	await db.flushed;
	await db.close();
}

export function damaged(stem: string, reason: string): DamagedEnvironment {
	return new DamagedEnvironment(
		`${dataFile(stem)} can't be served: ${reason}; restore the data dir from a copy, or remove this file together with ` +
			`${markerFile(stem)} to give its sessions up`,
	);
}

/** Never advises to give data up that may be whole: only what LMDB itself calls damaged is. */
export function unopened(stem: string, error: unknown): unknown {
	const explained = error instanceof RollpinError || error instanceof DamagedEnvironment;
	if (explained || isOutOfDescriptors(error)) return error;
	const reason = error instanceof Error ? error.message : String(error);
	if (!isSystemError(error)) return damaged(stem, reason);
	return new DamagedEnvironment(
		`${dataFile(stem)} can't be opened: ${reason}; its data may well be whole: keep it, mend the cause, and start again`,
	);
}

export const dataFile = (stem: string) => `${stem}.mdb`;
export const markerFile = (stem: string) => `${stem}.created`;

export function readMarker(stem: string): string | undefined {
	try {
		return readFileSync(markerFile(stem), "utf8").trim();
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
		throw error;
	}
}
