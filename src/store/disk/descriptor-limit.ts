// Makes sure that a store's files can be opened: a start without enough descriptors says how many it needs.
import { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { ConfigError } from "../../base/errors.js";
import { openFilesLimit } from "../../base/fd-limit.js";
import { isOutOfDescriptors } from "../store-errors.js";

/** Of one partition: its owner and its ledger. */
const PER_PARTITION = 2;
/** What a worker needs besides, at the least: its socket, the engine, some connections and payloads. */
const OTHERS = 32;
/** Files of sessions that stay open, at most: about as many sessions as have a turn at the same time. */
const MOST_FILES = 256;

/** How many files of sessions may stay open: never more than a quarter of what is left besides the partitions. */
export function filesKeptOpen(partitions: number, limit: number): number {
	const left = Math.max(0, limit - partitions * PER_PARTITION - OTHERS);
	return Math.min(MOST_FILES, Math.floor(left / 4));
}

/**
 * Returns the limit of this process, Infinity where the system does not tell.
 * @throws ConfigError when this process may not open as many files as so many partitions need
 */
export function checkDescriptors(partitions: number): number {
	const needed = partitions * PER_PARTITION + OTHERS;
	// Read first: afterwards there may be no descriptor to read it with.
	const limit = openFilesLimit();
	const taken: number[] = [];
	try {
		while (taken.length < needed) taken.push(openSync(devNull, "r"));
	} catch (error) {
		if (!isOutOfDescriptors(error)) throw error;
		throw outOfDescriptors(partitions, limit, error);
	} finally {
		for (const descriptor of taken) closeSync(descriptor);
	}
	return limit;
}

/** What an operator is told; never to give up data, since nothing is wrong with it. */
export function outOfDescriptors(partitions: number, limit: number, cause: unknown): ConfigError {
	const needed = partitions * PER_PARTITION + OTHERS;
	return new ConfigError(
		`the store of ${partitions} partitions needs ${needed} free file descriptors, and more for connections, but this ` +
			`process may have ${Number.isFinite(limit) ? limit : "fewer"} in all (${cause instanceof Error ? cause.message : String(cause)}): raise ` +
			"the limit (ulimit -n); the data is untouched",
		{ cause },
	);
}
