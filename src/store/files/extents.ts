// Where a part's bytes are, piece by piece, and reading them one after the other. Knows no records.
import type { TurnId } from "../../base/ids.js";
import type { PartCursor, PartName } from "../store.js";
import type { BlobFiles } from "./blob-files.js";
import type { OpenFile } from "./open-files.js";

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

/** Reads extents into the caller's memory. */
export class ExtentCursor implements PartCursor {
	readonly #extents: readonly Extent[];
	readonly #blobs: Pick<BlobFiles, "fill" | "open">;
	readonly #source: ExtentSource;
	#index = 0;
	/** Bytes of the extent at `#index` that were read. */
	#at = 0;
	#file: OpenFile | null = null;

	constructor(extents: readonly Extent[], blobs: Pick<BlobFiles, "fill" | "open">, source: ExtentSource) {
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

	async close(): Promise<void> {
		const file = this.#file;
		this.#file = null;
		await file?.close();
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
