// What an error of the medium means to the caller of a store. Pure.
import { RollpinError } from "../base/errors.js";
import type { Partition, SessionId, TurnId } from "../base/ids.js";

// LMDB's own codes (lmdb.h) and Linux errno values, which lmdb-js reports as numbers.
const FULL = new Set<unknown>([-30792, 28, 122, 27, "ENOSPC", "EDQUOT", "EFBIG"]);
const DAMAGED = new Set<unknown>([-30797, -30796, -30795, -30794, -30793]);
const OUT_OF_DESCRIPTORS = new Set<unknown>([24, 23, "EMFILE", "ENFILE"]);

/** A record that is damaged, or of a version that this build does not know. The message holds both versions. */
export class UnreadableRecord extends Error {}

/** A turn that is read is not, or no longer, stored: its session was buried, or a commit dropped it. */
export class TurnGone extends RollpinError {
	constructor(id: SessionId, turn: TurnId) {
		super("session_not_found", `turn ${turn} of session ${id} is not stored any more; read again`);
	}
}

/** True when the medium has no room: later commits may succeed. */
export function isFull(error: unknown): boolean {
	return FULL.has(codeOf(error));
}

/** True when the environment can't be trusted any more (page not found, corrupted, panic, version, invalid). */
export function isDamaged(error: unknown): boolean {
	return error instanceof UnreadableRecord || DAMAGED.has(codeOf(error));
}

/** True when this process, or the system, may open no more files: nothing is known of what was to be opened. */
export function isOutOfDescriptors(error: unknown): boolean {
	return OUT_OF_DESCRIPTORS.has(codeOf(error));
}

/** True when the system refused (permission, memory, i/o): nothing is known of what was to be opened. */
export function isSystemError(error: unknown): boolean {
	const code = codeOf(error);
	return typeof code === "number" ? code > 0 : typeof code === "string" && /^E[A-Z0-9]+$/.test(code);
}

/** What a client is told when a file of a stored part can't be opened for now. */
export function noDescriptors(cause: unknown): RollpinError {
	return new RollpinError(
		"worker_unavailable",
		"this worker is out of file descriptors (raise the limit: ulimit -n); nothing was changed, try again",
		{ retryAfterS: 1, cause },
	);
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
		"partition_refused",
		`the store of partition ${partition} refuses to serve; the log of its worker says why and what to do`,
	);
}

function codeOf(error: unknown): unknown {
	return error instanceof Error && "code" in error ? error.code : undefined;
}
