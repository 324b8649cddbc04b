// A cluster's log on a real named pipe whose reader can stall, leave and come back. Keeps every record that it was given.
import { execFileSync } from "node:child_process";
import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { LogRecord } from "../../support/cluster-process.js";

export class LogPipe {
	readonly records: LogRecord[] = [];
	/** Lines that are no JSON objects, but for one that was cut when a reader left. */
	readonly strayLines: string[] = [];
	readonly #path: string;
	#reader: Socket | null = null;
	#text = "";
	/** Whoever read before had the beginning of the next line. */
	#mayBeCut = false;
	#quietMs = 0;
	#quietSinceMs: number | null = null;

	constructor(directory: string, name: string) {
		this.#path = join(directory, name);
		execFileSync("mkfifo", [this.#path]);
		this.attach();
	}

	/** The descriptor to be a child's stdout; to be closed by the caller once the child has it. */
	openWriter(): number {
		return openSync(this.#path, constants.O_WRONLY);
	}

	/** Time during which nobody read, all in all: what is waited for in the log is not late meanwhile. */
	get quietMs(): number {
		return this.#quietMs + (this.#quietSinceMs === null ? 0 : performance.now() - this.#quietSinceMs);
	}

	stall(): void {
		this.#reader?.pause();
		this.#quietSinceMs ??= performance.now();
	}

	resume(): void {
		this.#reader?.resume();
		this.#heard();
	}

	/** From now on every write to the pipe is an EPIPE. */
	leave(): void {
		this.#reader?.destroy();
		this.#reader = null;
		this.#quietSinceMs ??= performance.now();
	}

	/** A reader, where there is none. */
	attach(): void {
		if (this.#reader !== null) return;
		this.#text = "";
		this.#mayBeCut = this.#quietSinceMs !== null;
		const fd = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
		const reader = new Socket({ fd, readable: true, writable: false });
		reader.setEncoding("utf8").on("data", (piece: string) => this.#read(piece));
		reader.on("error", () => undefined);
		this.#reader = reader;
		this.#heard();
	}

	#heard(): void {
		if (this.#quietSinceMs !== null) this.#quietMs += performance.now() - this.#quietSinceMs;
		this.#quietSinceMs = null;
	}

	#read(piece: string): void {
		this.#text += piece;
		const lines = this.#text.split("\n");
		this.#text = lines.pop() ?? "";
		for (const line of lines) {
			try {
				this.records.push(JSON.parse(line) as LogRecord);
			} catch {
				if (!this.#mayBeCut) this.strayLines.push(line);
			}
			this.#mayBeCut = false;
		}
	}
}
