// Makes a directory and those above it, level by level. Node's own recursive mkdir never ends where the system answers
// ENOENT for a directory whose parent is there, as /proc does (seen with Node 20).
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Changes nothing when it is there already.
 * @param mode of each directory that is made
 * @throws Error of the system; one that names the directory that takes no other in it
 */
export async function makeDirectory(path: string, mode = 0o777): Promise<void> {
	const refusal = await tryMake(path, mode);
	if (refusal === null) return;
	const parent = dirname(path);
	if (refusal.code !== "ENOENT" || parent === path) throw refusal;
	await makeDirectory(parent, mode);
	const again = await tryMake(path, mode);
	if (again === null) return;
	if (again.code !== "ENOENT") throw again;
	throw new Error(`no directory can be made in ${parent} (${again.code})`, { cause: again });
}

/** Null when the directory is there now. */
async function tryMake(path: string, mode: number): Promise<NodeJS.ErrnoException | null> {
	try {
		await mkdir(path, { mode });
		return null;
	} catch (error) {
		// EEXIST as a rule; a read-only file system or a root may say something else of a directory that is there.
		const there = await stat(path).catch(() => null);
		return there?.isDirectory() === true ? null : (error as NodeJS.ErrnoException);
	}
}
