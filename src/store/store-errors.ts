// What an error of the medium means to the caller of a store. Pure.
import { RollpinError } from "../base/errors.js";
import type { Partition, SessionId, TurnId } from "../base/ids.js";

const FULL = new Set<unknown>(["ENOSPC", "EDQUOT", "EFBIG"]);
const OUT_OF_DESCRIPTORS = new Set<unknown>(["EMFILE", "ENFILE"]);

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

/** True when this process, or the system, may open no more files: nothing is known of what was to be opened. */
export function isOutOfDescriptors(error: unknown): boolean {
	return OUT_OF_DESCRIPTORS.has(codeOf(error));
}

/** True when the system refused (permission, memory, i/o): nothing is known of what was to be opened. */
export function isSystemError(error: unknown): boolean {
	const code = codeOf(error);
	return typeof code === "string" && /^E[A-Z0-9]+$/.test(code);
}

/** True when a file is not there. */
export function isMissing(error: unknown): boolean {
	return codeOf(error) === "ENOENT";
}

/** True when what is there can't be read, and a later try would not do better: a bad sector, a directory, no permission. */
export function isUnreadable(error: unknown): boolean {
	return (
		isSystemError(error) && !isMissing(error) && !isOutOfDescriptors(error) && codeOf(error) !== "ENOMEM"
	);
}

/** What an error of the system means to who asked for a commit or a read; any other error as it is. */
export function systemError(error: unknown): unknown {
	if (isFull(error)) return storeFull(error);
	if (isOutOfDescriptors(error)) return noDescriptors(error);
	return isSystemError(error) ? storeUnavailable(error) : error;
}

/** What a client is told when the medium refuses for another reason than its room; which file it was is in the log only. */
function storeUnavailable(cause: unknown): RollpinError {
	return new RollpinError(
		"store_unavailable",
		`the data dir can't be used for this (${String(codeOf(cause))}): nothing was changed; an operator has to mend it, the log says what`,
		{ cause },
	);
}

/** What a client is told of a session whose file is damaged; what is wrong with it is in the log. */
export function storeDamaged(id: SessionId): RollpinError {
	return new RollpinError(
		"store_damaged",
		`what is stored of session ${id} is damaged, and is not served in part: restore its file from a copy, or DELETE the ` +
			"session; the log says what is wrong",
	);
}

/** What a former owner is told, whatever it wants to write. */
export function replacedOwner(partition: Partition): RollpinError {
	return new RollpinError(
		"session_state_conflict",
		`a later worker owns partition ${partition}: nothing was changed`,
	);
}

/** What a client is told when a file of a stored part can't be opened for now. */
function noDescriptors(cause: unknown): RollpinError {
	return new RollpinError(
		"worker_unavailable",
		"this worker is out of file descriptors (raise the limit: ulimit -n); nothing was changed, try again",
		{ retryAfterS: 1, cause },
	);
}

/** What a client is told when a partition's ledger was taken away below its owner. */
export function ledgerGone(partition: Partition): RollpinError {
	return new RollpinError(
		"store_unavailable",
		`the ledger of partition ${partition} was removed or cut from outside: nothing was changed; an operator has to restore the data dir`,
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
