// Why a partition is not served, with what to do about it. Concerns no other partition.
import { type FileStamp, fileName, isNewer, LEDGER_STEM, newestLedger } from "./names.js";

/** Its message is for the log. */
export class RefusedPartition extends Error {
	readonly why: string;
	readonly remedy: string;

	/** @param otherwise what may be done in place of restoring it from a copy */
	constructor(why: string, otherwise: string, options?: ErrorOptions) {
		const remedy = `restore the data dir from a copy, or ${otherwise}; then restart its worker (rollpin reload)`;
		super(`${why}, so the partition can't be served: ${remedy}`, options);
		this.why = why;
		this.remedy = remedy;
	}
}

/** For one that can't be read at all. */
export const beginAnew = (directory: string) =>
	`begin it anew without its sessions (mv ${directory} ELSEWHERE; mkdir -p ${directory}/sessions; echo unowned > ` +
	`${directory}/owner)`;

/** For one whose ledger and sessions may be whole. */
export const goOn = (directory: string) =>
	`go on with the ledger and the sessions that are there (mkdir -p ${directory}/sessions; echo unowned > ${directory}/owner)`;

/** For one whose sessions may be whole. */
export const forgetDeleted = (directory: string) =>
	`keep its sessions that have a turn, and lose those without one and forget which ids were deleted (rm -f ${directory}/ledger.*; echo unowned > ${directory}/owner)`;

/**
 * @param names of what is in the partition's directory
 * @param noted the newest ledger that its owners know of
 * @throws RefusedPartition when something of it is gone
 */
export function checkWhole(directory: string, names: readonly string[], noted: FileStamp | null): void {
	if (!names.includes("sessions"))
		throw new RefusedPartition(`${directory}/sessions is gone`, goOn(directory));
	const newest = newestLedger(names);
	if (noted === null || (newest !== null && !isNewer(noted, newest))) return;
	const path = `${directory}/${fileName(LEDGER_STEM, noted)}`;
	throw new RefusedPartition(`${path} is gone`, forgetDeleted(directory));
}
