// Calls to the file system: plain synchronous ones while it is fast, on the thread pool when it is not. Knows descriptors.
import {
	closeSync,
	fdatasync,
	fstat,
	fstatSync,
	open,
	openSync,
	read,
	readSync,
	rename,
	renameSync,
	type Stats,
	unlink,
	unlinkSync,
	write,
	writeSync,
	writev,
} from "node:fs";
import { flushDirectory } from "../../data-dir/durable-file.js";
import { sliceOf } from "../plan/pieces.js";
import { MediumSpeed } from "./medium-speed.js";
import { type Steps, wait } from "./steps.js";

/** Buffers given to one writev; below every platform's IOV_MAX. */
const PIECES_PER_WRITE = 512;
/** A file longer than this takes the system a while to remove. */
const LONG_FILE_BYTES = 8 * 1024 * 1024;

export class Medium {
	readonly #speed: MediumSpeed;
	#now: Medium | null = null;

	constructor(speed = new MediumSpeed()) {
		this.#speed = speed;
	}

	/** The same medium for callers that cannot wait: the loop waits for every call, however slow it is. */
	get now(): Medium {
		this.#now ??= new MediumNow(this.#speed);
		return this.#now;
	}

	/** Null: ask asynchronously. Otherwise hand the result to `end`. */
	begin(): number | null {
		return this.#speed.begin();
	}

	end(beganMs: number): void {
		if (beganMs > 0) this.#speed.end(beganMs);
	}

	*open(path: string, flags: string): Steps<number> {
		const beganMs = this.begin();
		if (beganMs === null) {
			return yield* wait(
				new Promise<number>((resolve, reject) =>
					open(path, flags, 0o600, (error, fd) => (error === null ? resolve(fd) : reject(error))),
				),
			);
		}
		const fd = openSync(path, flags, 0o600);
		this.end(beganMs);
		return fd;
	}

	/** Fills `into`; fewer bytes only at the file's end. */
	*read(fd: number, into: Buffer, at: number): Steps<number> {
		let filled = 0;
		while (filled < into.length) {
			const beganMs = this.begin();
			let bytes: number;
			if (beganMs === null) {
				bytes = yield* wait(readLater(fd, into, filled, at + filled));
			} else {
				bytes = readSync(fd, into, filled, into.length - filled, at + filled);
				this.end(beganMs);
			}
			if (bytes === 0) break;
			filled += bytes;
		}
		return filled;
	}

	*write(fd: number, bytes: Uint8Array, at: number): Steps<void> {
		for (let written = 0; written < bytes.length; ) {
			const beganMs = this.begin();
			if (beganMs === null) {
				written += yield* wait(writeLater(fd, bytes, written, at + written));
			} else {
				written += writeSync(fd, bytes, written, bytes.length - written, at + written);
				this.end(beganMs);
			}
		}
	}

	/** Asynchronously in any case. */
	*writeMany(fd: number, pieces: readonly Uint8Array[], at: number): Steps<void> {
		let offset = at;
		for (let first = 0; first < pieces.length; first += PIECES_PER_WRITE) {
			let batch = pieces.slice(first, first + PIECES_PER_WRITE);
			while (batch.length > 0) {
				const written = yield* wait(writevLater(fd, batch, offset));
				offset += written;
				batch = sliceOf(batch, written);
			}
		}
	}

	*stat(fd: number): Steps<{ size: number; nlink: number }> {
		const beganMs = this.begin();
		if (beganMs === null) {
			return yield* wait(
				new Promise<Stats>((resolve, reject) =>
					fstat(fd, (error, stats) => (error === null ? resolve(stats) : reject(error))),
				),
			);
		}
		const stats = fstatSync(fd);
		this.end(beganMs);
		return stats;
	}

	/** Bytes, and the size as far as it is needed to read them. Asynchronously in any case. */
	*flush(fd: number): Steps<void> {
		yield new Promise<void>((resolve, reject) =>
			fdatasync(fd, (error) => (error === null ? resolve() : reject(error))),
		);
	}

	/** Names that were made, changed or removed in it. Asynchronously in any case. */
	*flushDirectory(path: string): Steps<void> {
		yield flushDirectory(path);
	}

	*rename(from: string, to: string): Steps<void> {
		const beganMs = this.begin();
		if (beganMs === null) {
			yield new Promise<void>((resolve, reject) =>
				rename(from, to, (error) => (error === null ? resolve() : reject(error))),
			);
			return;
		}
		renameSync(from, to);
		this.end(beganMs);
	}

	/** @param length of the file, about */
	*remove(path: string, length: number): Steps<void> {
		const beganMs = length > LONG_FILE_BYTES ? null : this.begin();
		if (beganMs === null) {
			yield new Promise<void>((resolve, reject) =>
				unlink(path, (error) => (error === null ? resolve() : reject(error))),
			);
			return;
		}
		unlinkSync(path);
		this.end(beganMs);
	}

	/** Lets others have their turn. */
	*pause(): Steps<void> {
		yield new Promise<void>((resolve) => setImmediate(resolve));
	}

	close(fd: number): void {
		closeSync(fd);
	}
}

class MediumNow extends Medium {
	override get now(): Medium {
		return this;
	}

	override begin(): number {
		return super.begin() ?? 0;
	}

	override *pause(): Steps<void> {}
}

function readLater(fd: number, into: Buffer, filled: number, at: number): Promise<number> {
	return new Promise((resolve, reject) =>
		read(fd, into, filled, into.length - filled, at, (error, bytes) =>
			error === null ? resolve(bytes) : reject(error),
		),
	);
}

function writeLater(fd: number, bytes: Uint8Array, written: number, at: number): Promise<number> {
	return new Promise((resolve, reject) =>
		write(fd, bytes, written, bytes.length - written, at, (error, count) =>
			error === null ? resolve(count) : reject(error),
		),
	);
}

function writevLater(fd: number, pieces: readonly Uint8Array[], at: number): Promise<number> {
	return new Promise((resolve, reject) =>
		writev(fd, pieces as Uint8Array[], at, (error, count) =>
			error === null ? resolve(count) : reject(error),
		),
	);
}
