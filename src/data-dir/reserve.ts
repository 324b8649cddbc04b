// Bytes of the data dir that hold nothing: given up when the medium is full, so that starting and deleting go on.
import {
	closeSync,
	mkdirSync,
	openSync,
	renameSync,
	rmSync,
	statSync,
	truncateSync,
	unlinkSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

export const RESERVE_NAME = "reserve";
const RESERVE_BYTES = 8 * 1024 * 1024;
/** Made again only when there is so much room beside it. */
const ROOM_BYTES = 80 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

/** Empty files, for a medium that has room but takes no more files: a start needs a lock, its socket and an epoch, a burial a ledger. */
export const SPARE_NAME = "reserve.files";
const SPARE_FILES = 12;

const pathOf = (dataDir: string) => join(dataDir, RESERVE_NAME);

/** Gives some of the room back to the medium; false when there is none. A part of it, since others may take what is free. */
export function giveUpReserve(dataDir: string): boolean {
	try {
		const { size } = statSync(pathOf(dataDir));
		if (size > PIECE_BYTES) truncateSync(pathOf(dataDir), size - PIECE_BYTES);
		else unlinkSync(pathOf(dataDir));
		return true;
	} catch {
		return false;
	}
}

/** Gives all spare files back; false when there are none. */
export function giveUpSpareFiles(dataDir: string): boolean {
	try {
		rmSync(join(dataDir, SPARE_NAME), { recursive: true });
		return true;
	} catch {
		return false;
	}
}

/** Makes them, unless they are there. What fails is left for the next time. */
export function keepSpareFiles(dataDir: string): void {
	const directory = join(dataDir, SPARE_NAME);
	try {
		const last = join(directory, String(SPARE_FILES));
		if (statSync(last, { throwIfNoEntry: false }) !== undefined) return;
		mkdirSync(directory, { recursive: true, mode: 0o700 });
		for (let file = 1; file <= SPARE_FILES; file++)
			closeSync(openSync(join(directory, String(file)), "w", 0o600));
	} catch {
		// A medium that takes none now: whoever needs one is told.
	}
}

/** Makes it, unless it is there or room is short. What fails is left for the next time. */
export async function keepReserve(dataDir: string, freeBytes: number): Promise<void> {
	if (freeBytes < ROOM_BYTES + RESERVE_BYTES) return;
	// One name for all workers, who would all write the same: what one that died had begun does not stay for ever.
	const temporary = `${pathOf(dataDir)}.tmp`;
	try {
		if (statSync(pathOf(dataDir), { throwIfNoEntry: false })?.size === RESERVE_BYTES) return;
		const file = await open(temporary, "w", 0o600);
		try {
			// Bytes that are no zeros: a file system may keep no room for those.
			const piece = Buffer.alloc(PIECE_BYTES, "rollpin reserve\n");
			for (let at = 0; at < RESERVE_BYTES; at += PIECE_BYTES) await file.write(piece, 0, PIECE_BYTES, at);
			await file.datasync();
		} finally {
			await file.close();
		}
		renameSync(temporary, pathOf(dataDir));
	} catch {
		try {
			rmSync(temporary, { force: true });
		} catch {
			// A data dir that can't be used: whoever writes to it is told.
		}
	}
}

/** What `work` gives; once more, with the reserve given up, when the medium is full. */
export async function withReserve<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
	try {
		return await work();
	} catch (error) {
		const full =
			error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
		if (!full) throw error;
		// The system says the same of room and of files.
		const gaveFiles = giveUpSpareFiles(dataDir);
		if (!giveUpReserve(dataDir) && !gaveFiles) throw error;
		return work();
	}
}
