// Large parts of turns, one file per turn, written before the turn's record names it. Holds nothing on the heap.
//
// They stay out of LMDB so that neither its dirty pages nor its memory map count against a worker: a payload of
// 100 MiB passes from the caller's buffers to the page cache, and back in pieces, by plain file I/O off the loop.
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { RollpinError } from "../base/errors.js";
import { flushDirectory } from "./durable-file.js";
import { sliceOf } from "./pieces.js";
import { isOutOfDescriptors, noDescriptors } from "./store-errors.js";

/** Bytes a read hands over at once. */
const PIECE_BYTES = 256 * 1024;
/** Buffers given to one writev; below every platform's IOV_MAX. */
const PIECES_PER_WRITE = 256;

export class BlobFiles {
	readonly #directory: string;
	readonly #epoch: number;
	readonly #flushNames: boolean;

	/** @param flushNames also flush the directory, for durability `power` */
	constructor(directory: string, epoch: number, flushNames: boolean) {
		this.#directory = directory;
		this.#epoch = epoch;
		this.#flushNames = flushNames;
	}

	/** A file name that no other owner of this partition can come upon. */
	newName(): string {
		return `${this.#epoch.toString(36)}-${randomBytes(10).toString("hex")}`;
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

	/** For reading with `fill`; the caller closes it. */
	async open(name: string): Promise<FileHandle> {
		return open(this.#path(name), "r").catch((error: unknown) => {
			throw isOutOfDescriptors(error) ? noDescriptors(error) : lostBytes(name, error);
		});
	}

	/** Reads some bytes, at least one. */
	async fill(file: FileHandle, name: string, into: Buffer, offset: number): Promise<number> {
		const { bytesRead } = await file.read(into, 0, into.length, offset);
		if (bytesRead === 0) throw lostBytes(name, undefined);
		return bytesRead;
	}

	/** @param nextBuffer what to fill with the next piece; without it each piece is the caller's */
	async *stream(
		name: string,
		offset: number,
		length: number,
		nextBuffer?: () => Buffer,
	): AsyncIterable<Buffer> {
		const file = await this.open(name);
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

	/** Gives up what is behind the first `length` bytes; what can't be given up now stays, and harms nothing. */
	async cut(name: string, length: number): Promise<void> {
		await truncate(this.#path(name), length).catch(() => undefined);
	}

	/** Removes a file; one that can't be removed now goes with the next `sweep`. */
	async remove(name: string): Promise<void> {
		await rm(this.#path(name), { force: true }).catch(() => undefined);
	}

	/** Removes what no record names: files of commits that never happened, and of sessions already buried. */
	async sweep(isNamed: (name: string) => boolean): Promise<void> {
		await mkdir(this.#directory, { recursive: true, mode: 0o700 });
		for (const name of await readdir(this.#directory)) {
			if (!isNamed(name)) await this.remove(name);
		}
	}

	#path(name: string): string {
		return join(this.#directory, name);
	}
}

async function writeAll(file: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
	for (let first = 0; first < pieces.length; first += PIECES_PER_WRITE) {
		let batch = pieces.slice(first, first + PIECES_PER_WRITE);
		while (batch.length > 0) {
			const { bytesWritten } = await file.writev(batch);
			batch = sliceOf(batch, bytesWritten);
		}
	}
}

function lostBytes(name: string, cause: unknown): RollpinError {
	return new RollpinError(
		"internal",
		`stored bytes are missing (blob ${name}): the data dir was changed from outside; restore it from a copy`,
		{ cause },
	);
}
