// Files that are soon used again stay open, within a number. Knows paths and descriptors, not what the files hold.
import type { FileHandle } from "node:fs/promises";

/** A file that is open until it is closed by everybody who asked for it. */
export interface OpenFile {
	handle: FileHandle;
	close(): Promise<void>;
}

interface Entry {
	handle: Promise<FileHandle>;
	users: number;
	/** Not to be used by anybody else; closed with its last user. */
	gone: boolean;
}

export class OpenFiles {
	readonly #capacity: number;
	/** Least recently used first. */
	readonly #entries = new Map<string, Entry>();

	/** @param capacity files that stay open without a user, at most */
	constructor(capacity: number) {
		this.#capacity = capacity;
	}

	/** The file at `path`; `open` is asked when it isn't open. Rejects as `open` does. */
	async take(path: string, open: () => Promise<FileHandle>): Promise<OpenFile> {
		let entry = this.#entries.get(path);
		if (entry === undefined) entry = { handle: open(), users: 0, gone: false };
		else this.#entries.delete(path);
		this.#entries.set(path, entry);
		entry.users++;
		try {
			const handle = await entry.handle;
			const taken = entry;
			return { handle, close: () => this.#release(taken) };
		} catch (error) {
			// Nobody shall come upon the rejection again.
			this.#remove(path, entry);
			throw error;
		}
	}

	/** The file is to be removed, or was: whoever asks next opens what is there then. */
	async forget(path: string): Promise<void> {
		const entry = this.#entries.get(path);
		if (entry === undefined) return;
		this.#remove(path, entry);
		entry.gone = true;
		if (entry.users === 0) await close(entry);
	}

	async close(): Promise<void> {
		await Promise.all([...this.#entries.keys()].map((path) => this.forget(path)));
	}

	async #release(entry: Entry): Promise<void> {
		entry.users--;
		if (entry.gone) {
			if (entry.users === 0) await close(entry);
			return;
		}
		if (this.#entries.size <= this.#capacity) return;
		for (const [path, candidate] of this.#entries) {
			if (candidate.users > 0) continue;
			await this.forget(path);
			return;
		}
	}

	#remove(path: string, entry: Entry): void {
		if (this.#entries.get(path) === entry) this.#entries.delete(path);
	}
}

async function close(entry: Entry): Promise<void> {
	const handle = await entry.handle;
	await handle.close();
}
