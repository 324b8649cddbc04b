// What an error of the medium means to the caller of a store. Pure.
import { RollpinError } from "../base/errors.js";
import type { Partition } from "../base/ids.js";

// LMDB's own codes (lmdb.h) and Linux errno values, which lmdb-js reports as numbers.
const FULL = new Set<unknown>([-30792, 28, 122, 27, "ENOSPC", "EDQUOT", "EFBIG"]);
const DAMAGED = new Set<unknown>([-30797, -30796, -30795, -30794, -30793]);

/** True when the medium has no room: later commits may succeed. */
export function isFull(error: unknown): boolean {
	return FULL.has(codeOf(error));
}

/** True when the environment can't be trusted any more (page not found, corrupted, panic, version, invalid). */
export function isDamaged(error: unknown): boolean {
	return DAMAGED.has(codeOf(error));
}

export function storeFull(cause: unknown): RollpinError {
	return new RollpinError(
		"store_full",
		"the data dir has no room for this turn: nothing was kept; free space on its medium and send the request again",
		{ cause },
	);
}

/** What a client is told of a partition that refuses; the reason and the remedy are in the log only. */
export function partitionRefuses(partition: Partition): RollpinError {
	return new RollpinError(
		"worker_unavailable",
		`the store of partition ${partition} refuses to serve; the log of its worker says why and what to do`,
	);
}

function codeOf(error: unknown): unknown {
	return error instanceof Error && "code" in error ? error.code : undefined;
}
