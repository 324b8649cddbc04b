// Files that are soon used again stay open, within a number. Knows paths and descriptors, not what the files hold.
import { isOutOfDescriptors } from "../store-errors.js";
import type { Medium } from "./medium.js";
import type { Steps } from "./steps.js";

/** One file that may be open. */
export class OpenFile {
	readonly path: string;
	readonly flags: string;
	/** -1: not open. */
	fd = -1;
	users = 0;
	/** Its name is removed: closed with its last user, and never opened again. */
	gone = false;

	constructor(path: string, flags: "r" | "r+") {
		this.path = path;
		this.flags = flags;
	}
}

export class Descriptors {
	readonly #capacity: number;
	readonly #medium: Medium;
	/** Those that are open, least recently used first. */
	readonly #open = new Set<OpenFile>();

	/** @param capacity files that stay open without a user, at most */
	constructor(capacity: number, medium: Medium) {
		this.#capacity = capacity;
		this.#medium = medium;
	}

	/** Opens the file unless it is; to be given back with `release`. Throws as the system does. */
	*take(file: OpenFile, medium = this.#medium): Steps<number> {
		if (file.fd < 0) yield* this.#openNow(file, medium);
		else this.#open.delete(file);
		this.#open.add(file);
		file.users++;
		return file.fd;
	}

	/** Takes over a descriptor that its caller has opened; counts as not used. */
	adopt(file: OpenFile, fd: number): void {
		file.fd = fd;
		this.#open.add(file);
		this.#shrink();
	}

	release(file: OpenFile): void {
		file.users--;
		if (file.users > 0) return;
		if (file.gone) this.#close(file);
		else this.#shrink();
	}

	/** The file's name was removed. */
	forget(file: OpenFile): void {
		file.gone = true;
		if (file.users === 0) this.#close(file);
	}

	/** All that nobody uses. */
	close(): void {
		for (const file of this.#open) if (file.users === 0) this.#close(file);
	}

	*#openNow(file: OpenFile, medium: Medium): Steps<void> {
		let fd: number;
		try {
			fd = yield* medium.open(file.path, file.flags);
		} catch (error) {
			if (!isOutOfDescriptors(error) || this.#open.size === 0) throw error;
			this.close();
			fd = yield* medium.open(file.path, file.flags);
		}
		// Somebody else may have opened it meanwhile.
		if (file.fd < 0) file.fd = fd;
		else medium.close(fd);
		this.#open.delete(file);
	}

	#shrink(): void {
		if (this.#open.size <= this.#capacity) return;
		for (const file of this.#open) {
			if (file.users > 0) continue;
			this.#close(file);
			if (this.#open.size <= this.#capacity) return;
		}
	}

	#close(file: OpenFile): void {
		this.#open.delete(file);
		if (file.fd < 0) return;
		const { fd } = file;
		file.fd = -1;
		this.#medium.close(fd);
	}
}
