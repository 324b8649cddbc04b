// Where a log's bytes go: a file, or what is never waited for (a pipe, a socket, a terminal). Keeps nothing, tries nothing again.
import {
	closeSync,
	constants,
	fstat,
	fstatSync,
	openSync,
	readSync,
	type Stats,
	write as writeFile,
	writeSync,
} from "node:fs";
import { Socket } from "node:net";
import { isatty } from "node:tty";

/** `written` bytes are out, also beside an error. */
export type Written = (error: NodeJS.ErrnoException | null, written: number) => void;

export interface LogTarget {
	/** Bytes to be written at once, unless one line has more. */
	readonly batchBytes: number;
	/**
	 * Writes once, without waiting for a reader; one call at a time. `done` may be called before it returns. Its error is EAGAIN
	 * where a reader has to take something first.
	 * @param rest goes on with a line of which a part is out; the error is TRUNCATED when that part is gone
	 */
	write(bytes: Buffer, rest: boolean, done: Written): void;
	/** The last bytes of this process: waits for a file. @throws ErrnoException */
	writeLast(bytes: Buffer): number;
	close(): void;
}

/** Up to here a pipe takes all of a write or nothing, so that whole lines stand beside those of other writers (pipe(7)). */
const PIPE_BUF = 4096;
const FILE_BATCH = 64 * 1024;

/** A file to append to; made if absent. @throws ErrnoException when it can't be, and room on its medium would not change that */
export function openLogFile(path: string): LogTarget {
	try {
		return opened(path);
	} catch (error) {
		const { code = "" } = error as NodeJS.ErrnoException;
		if (!MAY_PASS.has(code)) throw error;
		return new LateTarget(path);
	}
}

/** A full or ailing medium, and a named pipe before its reader. */
const MAY_PASS: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EIO", "ENXIO"]);

function opened(path: string): LogTarget {
	// Non-blocking for the sake of a named pipe: a plain file knows no difference.
	const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;
	const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY, 0o644);
	if (!fstatSync(fd).isFile()) return new StreamTarget(fd, true);
	return new FileTarget(fd, true, endsInMidLine(path));
}

/** An inherited descriptor. It is never closed. */
export function logTo(fd: number): LogTarget {
	const kind = fstatSync(fd);
	if (kind.isSocket()) return new StreamTarget(unblocked(fd), false);
	if (!kind.isFIFO() && !isatty(fd)) return new FileTarget(fd, false, false);
	const own = ownDescription(fd);
	if (own !== null) return new StreamTarget(own, true);
	// A terminal can't be unblocked for us alone; a pipe of another user can, for all who hold it.
	return kind.isFIFO() ? new StreamTarget(unblocked(fd), false) : new FileTarget(fd, false, false);
}

/** O_NONBLOCK belongs to the open file, which the shell and others hold as well: another opening of the same pipe is ours alone. */
function ownDescription(fd: number): number | null {
	try {
		return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
	} catch {
		// No Linux, another user's pipe, or a pipe without a reader.
		return null;
	}
}

/** Kept: a handle that is collected may close its descriptor. */
const holders: Socket[] = [];

/** Node offers no fcntl; a socket made of a descriptor sets O_NONBLOCK, and does nothing else until it is used. */
function unblocked(fd: number): number {
	holders.push(new Socket({ fd, readable: false, writable: true }));
	return fd;
}

/** What stream and file have in common. */
abstract class DescriptorTarget {
	protected readonly fd: number;
	readonly #own: boolean;

	/** @param own to be closed with it */
	constructor(fd: number, own: boolean) {
		this.fd = fd;
		this.#own = own;
	}

	writeLast(bytes: Buffer): number {
		return writeSync(this.fd, bytes);
	}

	close(): void {
		if (this.#own) closeSync(this.fd);
	}
}

/** What is written here never waits: a write that would is an EAGAIN. */
class StreamTarget extends DescriptorTarget implements LogTarget {
	readonly batchBytes = PIPE_BUF;

	write(bytes: Buffer, _rest: boolean, done: Written): void {
		let written: number;
		try {
			written = writeSync(this.fd, bytes);
		} catch (error) {
			done(error as NodeJS.ErrnoException, 0);
			return;
		}
		done(null, written);
	}
}

/** A medium may take its time: written on a thread of libuv's, never on the loop. */
class FileTarget extends DescriptorTarget implements LogTarget {
	readonly batchBytes = FILE_BATCH;
	/** Whoever wrote before left half a line. */
	#inMidLine: boolean;
	/** The file's length after the last write that was not whole. */
	#brokenAt = 0;

	constructor(fd: number, own: boolean, inMidLine: boolean) {
		super(fd, own);
		this.#inMidLine = inMidLine;
	}

	write(bytes: Buffer, rest: boolean, done: Written): void {
		if (!rest) {
			this.#write(bytes, done);
			return;
		}
		fstat(this.fd, (error, now) => {
			if (error !== null || !now.isFile() || now.size >= this.#brokenAt) return this.#write(bytes, done);
			// Somebody made room by emptying the file: the line's beginning went with it. Said once: it is begun again now.
			this.#brokenAt = 0;
			done(Object.assign(new Error("emptied"), { code: "TRUNCATED" }), 0);
		});
	}

	#write(bytes: Buffer, done: Written): void {
		const lead = this.#inMidLine ? 1 : 0;
		const all = lead === 0 ? bytes : Buffer.concat([Buffer.from("\n"), bytes]);
		writeFile(this.fd, all, (error, count) => {
			if (count > 0) this.#inMidLine = false;
			const written = Math.max(0, (count ?? 0) - lead);
			if (error !== null || written === bytes.length) {
				done(error, written);
				return;
			}
			fstat(this.fd, (failed, now?: Stats) => {
				this.#brokenAt = failed === null && now !== undefined ? now.size : 0;
				done(null, written);
			});
		});
	}
}

/** A file that can't be made yet: each write tries it once more. */
class LateTarget implements LogTarget {
	readonly batchBytes = PIPE_BUF;
	readonly #path: string;
	#target: LogTarget | null = null;

	constructor(path: string) {
		this.#path = path;
	}

	write(bytes: Buffer, rest: boolean, done: Written): void {
		try {
			this.#target ??= opened(this.#path);
		} catch (error) {
			done(error as NodeJS.ErrnoException, 0);
			return;
		}
		this.#target.write(bytes, rest, done);
	}

	writeLast(bytes: Buffer): number {
		this.#target ??= opened(this.#path);
		return this.#target.writeLast(bytes);
	}

	close(): void {
		this.#target?.close();
	}
}

function endsInMidLine(path: string): boolean {
	try {
		const fd = openSync(path, "r");
		try {
			const last = Buffer.alloc(1);
			const { size } = fstatSync(fd);
			return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
		} finally {
			closeSync(fd);
		}
	} catch {
		// It may be written and not read.
		return false;
	}
}
