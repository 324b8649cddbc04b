// Where an export goes: a file for each session, or one file or stream for all. A half-written file is never seen.
import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "../base/errors.js";
import { flushDirectory } from "../data-dir/durable-file.js";
import { makeDirectory } from "../data-dir/make-directory.js";

/** One session on its way out: all of it is kept, or nothing. */
export interface Draft {
	write(chunk: Uint8Array): Promise<void>;
	keep(): Promise<void>;
	drop(): Promise<void>;
}

export interface Sink {
	begin(id: string): Promise<Draft>;
	/** Makes what was kept durable and visible. */
	finish(): Promise<void>;
	/** After a failure: leaves no temporary file. */
	abandon(): Promise<void>;
	bytes(): number;
}

const CHUNK_BYTES = 256 * 1024;

/** A new file beside `path` that takes its name when it is whole. */
class HiddenFile {
	readonly #path: string;
	readonly #temporary: string;
	readonly #file: FileHandle;
	length = 0;

	static async create(path: string): Promise<HiddenFile> {
		const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
		return new HiddenFile(path, temporary, await open(temporary, "wx+", 0o600));
	}

	private constructor(path: string, temporary: string, file: FileHandle) {
		this.#path = path;
		this.#temporary = temporary;
		this.#file = file;
	}

	async write(chunk: Uint8Array): Promise<void> {
		await this.#file.writeFile(chunk);
		this.length += chunk.byteLength;
	}

	async *chunks(): AsyncIterable<Buffer> {
		for (let at = 0; at < this.length; ) {
			const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES, at);
			if (bytesRead === 0) return;
			at += bytesRead;
			yield buffer.subarray(0, bytesRead);
		}
	}

	async show(): Promise<void> {
		await this.#file.sync();
		await this.#file.close();
		await rename(this.#temporary, this.#path);
	}

	async remove(): Promise<void> {
		await this.#file.close();
		await rm(this.#temporary, { force: true });
	}
}

/** A file `<id><ending>` for each session; one of an earlier export is replaced. */
export async function directorySink(path: string, ending: string): Promise<Sink> {
	await asTarget(path, () => makeDirectory(path));
	let bytes = 0;
	return {
		async begin(id) {
			const file = await HiddenFile.create(join(path, `${id}${ending}`));
			return {
				write: (chunk) => file.write(chunk),
				drop: () => file.remove(),
				async keep() {
					await file.show();
					bytes += file.length;
				},
			};
		},
		finish: () => flushDirectory(path),
		abandon: async () => undefined,
		bytes: () => bytes,
	};
}

/** All sessions in one file. */
export async function fileSink(path: string): Promise<Sink> {
	const whole = await asTarget(path, () => HiddenFile.create(resolve(path)));
	return spooled(dirname(resolve(path)), (chunk) => whole.write(chunk), {
		async finish() {
			await whole.show();
			await flushDirectory(dirname(resolve(path)));
		},
		abandon: () => whole.remove(),
	});
}

/** All sessions to a stream, each when it is whole. `emit` resolves when the next chunk may come. */
export function streamSink(emit: (chunk: Uint8Array) => Promise<void>): Sink {
	const nothing = async () => undefined;
	return spooled(tmpdir(), emit, { finish: nothing, abandon: nothing });
}

function spooled(
	directory: string,
	emit: (chunk: Uint8Array) => Promise<void>,
	ends: Pick<Sink, "finish" | "abandon">,
): Sink {
	let bytes = 0;
	return {
		async begin() {
			const spool = await HiddenFile.create(join(directory, "rollpin-export"));
			return {
				write: (chunk) => spool.write(chunk),
				drop: () => spool.remove(),
				async keep() {
					try {
						for await (const chunk of spool.chunks()) await emit(chunk);
						bytes += spool.length;
					} finally {
						await spool.remove();
					}
				},
			};
		},
		...ends,
		bytes: () => bytes,
	};
}

async function asTarget<T>(path: string, make: () => Promise<T>): Promise<T> {
	try {
		return await make();
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new ConfigError(`--out ${path}: cannot be written (${reason}); name a place this user may write`, {
			cause: error,
		});
	}
}
