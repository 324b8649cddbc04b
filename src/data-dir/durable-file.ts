// Small files that must be whole or absent after a crash, and flushing of directories.
import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Replaces `path` by `text` so that a crash at any moment leaves the old content or the new, never a part. */
export async function replaceFile(path: string, text: string): Promise<void> {
	await replaceContent(path, text);
	await flushDirectory(dirname(path));
}

/** As `replaceFile`, but what a power loss leaves is the new content for sure only once the directory is flushed. */
async function replaceContent(path: string, text: string): Promise<void> {
	const temporary = await writeBeside(path, text);
	try {
		await rename(temporary, path);
	} catch (error) {
		await rm(temporary, { force: true });
		throw error;
	}
}

/** The text of a file; undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
	try {
		return await readFile(path, "utf8");
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
		throw error;
	}
}

/** Writes and flushes a new file next to `path` and returns its name. */
export async function writeBeside(path: string, text: string): Promise<string> {
	const temporary = `${path}.${process.pid}.${randomBytes(6).toString("hex")}.tmp`;
	const file = await open(temporary, "wx", 0o600);
	try {
		await file.writeFile(text);
		await file.sync();
	} finally {
		await file.close();
	}
	return temporary;
}

/** Makes names that were created, renamed or removed in a directory survive a power loss. */
export async function flushDirectory(path: string): Promise<void> {
	const directory = await open(path, "r");
	try {
		await directory.sync();
	} finally {
		await directory.close();
	}
}
