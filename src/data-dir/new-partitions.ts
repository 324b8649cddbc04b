// Makes the partitions of a new data dir, all at once: from then on one that is not there was removed. Knows no sessions.
import { mkdir, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { PARTITION_COUNT } from "../base/partitions.js";
import { flushDirectory } from "./durable-file.js";
import { makeDirectory } from "./make-directory.js";

/**
 * What a partition's file `owner` says before anybody has owned it. An operator may write it: whoever opens the partition next
 * asks for nothing that was there before.
 */
export const UNOWNED = "unowned\n";
/** As long as what an owner writes there: that is written over it in place, and a loss of power leaves one or the other. */
export const OWNER_BYTES = 64;

export const partitionName = (index: number) => String(index).padStart(2, "0");

/** Finds those that an earlier attempt has made. Throws as the system does. */
export async function makePartitions(directory: string): Promise<void> {
	await makeDirectory(directory, 0o700);
	await Promise.all(
		Array.from({ length: PARTITION_COUNT }, (_, index) =>
			makePartition(join(directory, partitionName(index))),
		),
	);
	await flushDirectory(directory);
}

async function makePartition(directory: string): Promise<void> {
	await mkdir(join(directory, "sessions"), { recursive: true, mode: 0o700 });
	const owner = await open(join(directory, "owner"), "w", 0o600);
	try {
		await owner.writeFile(UNOWNED.padEnd(OWNER_BYTES, "\n"));
		await owner.datasync();
	} finally {
		await owner.close();
	}
	await flushDirectory(directory);
}

/** Whether the directory holds nothing but what `makePartitions` makes, or has begun to make. */
export async function isUnused(directory: string): Promise<boolean> {
	for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
		if (entry.isDirectory()) continue;
		const isOwner = entry.isFile() && entry.name === "owner";
		if (!isOwner || !isUnowned(await readFile(join(entry.parentPath, entry.name), "utf8"))) return false;
	}
	return true;
}

/** Also of one that a crash has cut, down to an empty one. */
function isUnowned(text: string): boolean {
	return UNOWNED.startsWith(text.trimEnd());
}
