// Files that clients uploaded for later sessions: bounded in bytes and number, each for an hour, gone with the process. No I/O.
import { randomUUID } from "node:crypto";
import { RollpinError } from "../../../base/errors.js";

export interface UploadedFile {
	id: string;
	name: string;
	content: Uint8Array;
	uploadedMs: number;
}

const MAX_BYTES = 256 * 1024 * 1024;
const MAX_FILES = 1000;
const LIFE_MS = 3_600_000;

/** Only ids that it gave itself are known: none is a path of this machine. */
export class Uploads {
	readonly #files = new Map<string, UploadedFile>();
	readonly #nowMs: () => number;
	readonly #maxBytes: number;
	#bytes = 0;

	constructor(nowMs: () => number = Date.now, maxBytes = MAX_BYTES) {
		this.#nowMs = nowMs;
		this.#maxBytes = maxBytes;
	}

	/** @throws RollpinError `too_many_requests` */
	add(name: string, content: Uint8Array): UploadedFile {
		this.#forgetOld();
		if (this.#bytes + content.length > this.#maxBytes || this.#files.size >= MAX_FILES) {
			throw new RollpinError(
				"too_many_requests",
				`the uploaded files have ${this.#bytes} bytes of ${this.#maxBytes}, ${this.#files.size} of ${MAX_FILES} files; delete some, or wait: each goes after an hour`,
				{ retryAfterS: 60 },
			);
		}
		const file = { id: randomUUID(), name, content, uploadedMs: this.#nowMs() };
		this.#files.set(file.id, file);
		this.#bytes += content.length;
		return file;
	}

	/** @throws RollpinError `sandbox_path_not_found` */
	get(id: string): UploadedFile {
		this.#forgetOld();
		const file = this.#files.get(id);
		if (file !== undefined) return file;
		throw new RollpinError("sandbox_path_not_found", `File with ID '${id}' not found`);
	}

	/** Oldest first. */
	list(): UploadedFile[] {
		this.#forgetOld();
		return [...this.#files.values()];
	}

	/** @throws RollpinError `sandbox_path_not_found` */
	delete(id: string): void {
		this.#bytes -= this.get(id).content.length;
		this.#files.delete(id);
	}

	#forgetOld(): void {
		const beforeMs = this.#nowMs() - LIFE_MS;
		for (const { id, uploadedMs, content } of this.#files.values()) {
			if (uploadedMs > beforeMs) return;
			this.#files.delete(id);
			this.#bytes -= content.length;
		}
	}
}
