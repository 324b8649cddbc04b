// Parts of turns in files: one per turn for large ones, one per session that all others are appended to (its pack). Both
// are written before the record that names the bytes. Holds nothing on the heap.
//
// They stay out of LMDB so that neither its dirty pages nor its memory map count against a worker: a payload of
// 100 MiB passes from the caller's buffers to the page cache, and back in pieces, by plain file I/O off the loop.
import { randomBytes } from "node:crypto";
import { openSync, readSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import { RollpinError } from "../../base/errors.js";
import { flushDirectory } from "../../data-dir/durable-file.js";
import { sliceOf } from "../plan/pieces.js";
import { isOutOfDescriptors, noDescriptors } from "../store-errors.js";
import type { OpenFile, OpenFiles } from "./open-files.js";

/** Bytes a read hands over at once. */
const PIECE_BYTES = 256 * 1024;
/** Buffers given to one writev; below every platform's IOV_MAX. */
const PIECES_PER_WRITE = 256;

export class BlobFiles {
	readonly #directory: string;
	/** Null when nothing is written. */
	readonly #epoch: number | null;
	readonly #flushNames: boolean;
	readonly #packs: OpenFiles;

	/**
	 * @param epoch of this owner; null for a reader, which may have no leave to write
	 * @param flushNames also flush the directory, for durability `power`
	 * @param packs keeps those open that are in use
	 */
	constructor(directory: string, epoch: number | null, flushNames: boolean, packs: OpenFiles) {
		this.#directory = directory;
		this.#epoch = epoch;
		this.#flushNames = flushNames;
		this.#packs = packs;
	}

	/** A file name that no other owner of this partition can come upon. */
	newName(): string {
		return `${this.#ownPrefix()}${randomBytes(10).toString("hex")}`;
	}

	/** Whether this owner, and no former one, made the name. */
	isOwn(name: string): boolean {
		return name.startsWith(this.#ownPrefix());
	}

	/**
	 * Writes and flushes a new file. It is flushed in every durability, since the record that names it may reach the
	 * medium first, and a power loss would leave a turn without its bytes.
	 */
	async write(name: string, pieces: readonly Uint8Array[]): Promise<void> {
		try {
			const file = await open(this.#path(name), "wx", 0o600);
			try {
				await writeAll(file, pieces);
				await file.sync();
			} finally {
				await file.close();
			}
			if (this.#flushNames) await flushDirectory(this.#directory);
		} catch (error) {
			await this.remove(name);
			throw error;
		}
	}

	/**
	 * Writes and flushes bytes of a pack. What stands there from a commit that failed is written over: no record names it.
	 * @param created the file is not there yet
	 */
	async append(name: string, offset: number, pieces: readonly Uint8Array[], created: boolean): Promise<void> {
		const path = this.#path(name);
		try {
			const file = await this.#packs.take(path, () => open(path, created ? "wx+" : "r+", 0o600));
			try {
				// Shorter, it would get a hole that reads as zeros; without a name, it would be gone with this process.
				const { size, nlink } = await file.handle.stat();
				if (size < offset || nlink === 0) throw lostBytes(name, undefined);
				await writeAll(file.handle, pieces, offset);
				await file.handle.datasync();
			} finally {
				await file.close();
			}
			if (created && this.#flushNames) await flushDirectory(this.#directory);
		} catch (error) {
			if (created) await this.remove(name);
			if (!created && isMissing(error)) throw lostBytes(name, error);
			throw error;
		}
	}

	/**
	 * For reading with `fill`; the caller closes it.
	 * @param kept it is a pack, and may stay open after that
	 */
	async open(name: string, kept: boolean): Promise<OpenFile> {
		const path = this.#path(name);
		try {
			// Opened as `append` does, which may be the next one to take it.
			if (kept) return await this.#packs.take(path, () => open(path, this.#epoch === null ? "r" : "r+"));
			const handle = await open(path, "r");
			return { handle, close: () => handle.close() };
		} catch (error) {
			throw isOutOfDescriptors(error) ? noDescriptors(error) : lostBytes(name, error);
		}
	}

	/** Reads some bytes, at least one. */
	async fill(file: OpenFile, name: string, into: Buffer, offset: number): Promise<number> {
		const { bytesRead } = await file.handle.read(into, 0, into.length, offset);
		if (bytesRead === 0) throw lostBytes(name, undefined);
		return bytesRead;
	}

	/** As `open` without keeping it, at once: a descriptor, which the caller closes. */
	openNow(name: string): number {
		try {
			return openSync(this.#path(name), "r");
		} catch (error) {
			throw isOutOfDescriptors(error) ? noDescriptors(error) : lostBytes(name, error);
		}
	}

	/** As `fill`, at once. */
	fillNow(descriptor: number, name: string, into: Buffer, offset: number): number {
		const bytesRead = readSync(descriptor, into, 0, into.length, offset);
		if (bytesRead === 0) throw lostBytes(name, undefined);
		return bytesRead;
	}

	/**
	 * @param kept as for `open`
	 * @param nextBuffer what to fill with the next piece; without it each piece is the caller's
	 */
	async *stream(
		name: string,
		offset: number,
		length: number,
		kept: boolean,
		nextBuffer?: () => Buffer,
	): AsyncIterable<Buffer> {
		const file = await this.open(name, kept);
		try {
			for (let at = 0; at < length; ) {
				const piece = nextBuffer?.() ?? Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, length - at));
				const bytes = Math.min(piece.length, length - at);
				const bytesRead = await this.fill(file, name, piece.subarray(0, bytes), offset + at);
				at += bytesRead;
				yield piece.subarray(0, bytesRead);
			}
		} finally {
			await file.close();
		}
	}

	/** Gives up what is after the first `length` bytes; what can't be given up now stays, and harms nothing. */
	async cut(name: string, length: number): Promise<void> {
		await truncate(this.#path(name), length).catch(() => undefined);
	}

	/** Removes a file; one that can't be removed now goes with the next `sweep`. */
	async remove(name: string): Promise<void> {
		const path = this.#path(name);
		// First the name: a read that opens it in between would keep the removed file open, and its room taken.
		await unlink(path).catch(() => undefined);
		await this.#packs.forget(path).catch(() => undefined);
	}

	/** Removes what no record names: files of commits that never happened, and of sessions already buried. */
	async sweep(isNamed: (name: string) => boolean): Promise<void> {
		await mkdir(this.#directory, { recursive: true, mode: 0o700 });
		for (const name of await readdir(this.#directory)) {
			if (!isNamed(name)) await this.remove(name);
		}
	}

	#ownPrefix(): string {
		return `${(this.#epoch ?? 0).toString(36)}-`;
	}

	#path(name: string): string {
		return join(this.#directory, name);
	}
}

async function writeAll(file: FileHandle, pieces: readonly Uint8Array[], offset = 0): Promise<void> {
	let at = offset;
	for (let first = 0; first < pieces.length; first += PIECES_PER_WRITE) {
		let batch = pieces.slice(first, first + PIECES_PER_WRITE);
		while (batch.length > 0) {
			const { bytesWritten } = await file.writev(batch, at);
			at += bytesWritten;
			batch = sliceOf(batch, bytesWritten);
		}
	}
}

function isMissing(error: unknown): boolean {
	return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function lostBytes(name: string, cause: unknown): RollpinError {
	return new RollpinError(
		"internal",
		`stored bytes are missing (blob ${name}): the data dir was changed from outside; restore it from a copy`,
		{ cause },
	);
}
