// Where a part's bytes are, piece by piece, and reading them one after the other. Knows no records.
import { closeSync } from "node:fs";
import type { TurnId } from "../../base/ids.js";
import type { PartCursor, PartName } from "../store.js";
import type { BlobFiles } from "./blob-files.js";
import type { OpenFile } from "./open-files.js";
import { ReadPace } from "./read-pace.js";

/** Bytes that stand together: in a file, or under a part's key. */
export interface Extent {
	turn: TurnId;
	part: PartName;
	/** Null for bytes under the part's key. */
	file: string | null;
	/** The file is a session's pack. */
	packed: boolean;
	/** Where they start in the file, or in the key's value. */
	offset: number;
	length: number;
	/** Bytes that the part stores in all, of which these are some. */
	ownBytes: number;
}

/** What is left of `extents` after their first `bytes` bytes. */
export function extentsFrom(extents: readonly Extent[], bytes: number): Extent[] {
	const left: Extent[] = [];
	let skip = bytes;
	for (const extent of extents) {
		const skipped = Math.min(skip, extent.length);
		skip -= skipped;
		if (skipped === extent.length) continue;
		left.push({ ...extent, offset: extent.offset + skipped, length: extent.length - skipped });
	}
	return left;
}

export interface ExtentSource {
	/** Throws when the part is not stored any more. */
	check(): void;
	inline(extent: Extent): Buffer;
}

export type CursorFiles = Pick<BlobFiles, "fill" | "fillNow" | "open" | "openNow">;

/** Reads extents into the caller's memory. */
export class ExtentCursor implements PartCursor {
	readonly #extents: readonly Extent[];
	readonly #blobs: CursorFiles;
	readonly #source: ExtentSource;
	#index = 0;
	/** Bytes of the extent at `#index` that were read. */
	#at = 0;
	#file: OpenFile | null = null;
	/** `readNow` was given up; and its file. */
	#awaited = false;
	#descriptor: number | null = null;
	readonly #pace = new ReadPace();

	constructor(extents: readonly Extent[], blobs: CursorFiles, source: ExtentSource) {
		this.#extents = extents;
		this.#blobs = blobs;
		this.#source = source;
	}

	async read(buffer: Buffer): Promise<number> {
		let filled = 0;
		while (filled < buffer.length) {
			const extent = this.#extents[this.#index];
			if (extent === undefined) break;
			const bytes = Math.min(buffer.length - filled, extent.length - this.#at);
			filled += await this.#some(extent, buffer.subarray(filled, filled + bytes));
			if (this.#at < extent.length) continue;
			this.#index++;
			this.#at = 0;
			await this.close();
		}
		return filled;
	}

	readNow(buffer: Buffer): number | null {
		if (buffer.length === 0) this.#awaited ||= this.#pace.slow;
		if (this.#awaited) return null;
		const startedMs = performance.now();
		let filled = 0;
		while (filled < buffer.length) {
			const extent = this.#extents[this.#index];
			if (extent === undefined) break;
			const bytes = Math.min(buffer.length - filled, extent.length - this.#at);
			filled += this.#someNow(extent, buffer.subarray(filled, filled + bytes));
			if (this.#at < extent.length) continue;
			this.#index++;
			this.#at = 0;
			this.#closeNow();
		}
		this.#pace.took(filled, performance.now() - startedMs);
		return filled;
	}

	async close(): Promise<void> {
		this.#closeNow();
		const file = this.#file;
		this.#file = null;
		await file?.close();
	}

	#closeNow(): void {
		if (this.#descriptor !== null) closeSync(this.#descriptor);
		this.#descriptor = null;
	}

	#someNow(extent: Extent, into: Buffer): number {
		let bytes: number;
		if (extent.file === null) {
			this.#source.check();
			bytes = this.#source.inline(extent).copy(into, 0, this.#at);
		} else {
			try {
				this.#descriptor ??= this.#blobs.openNow(extent.file);
				bytes = this.#blobs.fillNow(this.#descriptor, extent.file, into, extent.offset + this.#at);
			} finally {
				// Of a turn that was dropped meanwhile the file is missing for a good reason.
				this.#source.check();
			}
		}
		this.#at += bytes;
		return bytes;
	}

	async #some(extent: Extent, into: Buffer): Promise<number> {
		let bytes: number;
		if (extent.file === null) {
			this.#source.check();
			bytes = this.#source.inline(extent).copy(into, 0, this.#at);
		} else {
			try {
				this.#file ??= await this.#blobs.open(extent.file, extent.packed);
				bytes = await this.#blobs.fill(this.#file, extent.file, into, extent.offset + this.#at);
			} finally {
				// Of a turn that was dropped meanwhile the file is missing for a good reason.
				this.#source.check();
			}
		}
		this.#at += bytes;
		return bytes;
	}
}
