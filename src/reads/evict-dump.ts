// Writes an expired session's JSON to a directory before the session is removed. A half-written file is never seen.
import { randomBytes } from "node:crypto";
import { access, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "../data-dir/make-directory.js";
import type { Session } from "../session/life/session.js";
import type { ReadContext } from "./read-context.js";
import { sessionChunks } from "./session-json.js";

/**
 * Keeps a session that has committed turns as `<id>.json` in `dir`, the same JSON as its GET. An id that was dumped
 * before (it may be used again once its tombstone is forgotten) gets `<id>.<created_at in ms>.json`.
 * Resolves when the file is on disk under its name. Throws what the file system throws, and
 * RollpinError `store_damaged`; then there is no file.
 */
export async function dumpSession(dir: string, context: ReadContext, session: Session): Promise<void> {
	const { createdAt, id, turnCount } = session.meta;
	if (turnCount === 0) {
		// Of a damaged one nobody knows how many turns it had.
		await context.store.session(id);
		return;
	}
	await makeDirectory(dir);
	const temporary = join(dir, `.${randomBytes(8).toString("hex")}.tmp`);
	try {
		const file = await open(temporary, "wx");
		try {
			for await (const chunk of sessionChunks(context, session, { payloads: "all" }))
				await file.writeFile(chunk);
			await file.sync();
		} finally {
			await file.close();
		}
		const plain = join(dir, `${id}.json`);
		const dumpedBefore = await exists(plain);
		await rename(temporary, dumpedBefore ? join(dir, `${id}.${Math.round(createdAt * 1000)}.json`) : plain);
	} catch (error) {
		await rm(temporary, { force: true });
		throw error;
	}
}

async function exists(path: string): Promise<boolean> {
	try {
		await access(path);
		return true;
	} catch {
		return false;
	}
}
