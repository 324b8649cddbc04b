// Bytes of the data dir that hold nothing: given up when the medium is full, so that starting and deleting go on.
import { renameSync, rmSync, statSync, truncateSync, unlinkSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

export const RESERVE_NAME = "reserve";
const RESERVE_BYTES = 8 * 1024 * 1024;
/** Made again only when there is so much room beside it. */
const ROOM_BYTES = 80 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;

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
		if (!full || !giveUpReserve(dataDir)) throw error;
		return work();
	}
}
