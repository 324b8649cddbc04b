// What a background command has written so far, bounded, and how it ended. Runs nothing.
import { StringDecoder } from "node:string_decoder";
import type { ErrorCode } from "../base/errors.js";

interface Piece {
	stream: "stdout" | "stderr";
	text: string;
	/** Of the command's whole output, in bytes: where it begins and ends. */
	from: number;
	to: number;
}

/** The end of a command, as its client sees it. */
export interface BackgroundEnd {
	exitCode: number | null;
	timedOut: boolean;
	oom: boolean;
	durationMs: number;
	/** What ended it without being its own doing: its exit code is not known then. */
	failure?: ErrorCode;
}

export interface BackgroundOutput {
	output: ReadonlyArray<{ stream: "stdout" | "stderr"; text: string }>;
	/** Where the next read goes on. */
	nextOffset: number;
	/** Bytes before the first piece that are asked for and are not kept any more. */
	missingBytes: number;
}

/** Small writes are kept together: each would else cost a hundred times its bytes. */
const PIECE_BYTES = 16 * 1024;

export class BackgroundExec {
	readonly execId: string;
	readonly startedMs: number;
	/** Fires when its client ends it. */
	readonly killed = new AbortController();
	/** Null while it runs. */
	end: BackgroundEnd | null = null;
	/** Settles at its end; never rejects. */
	done: Promise<void> = Promise.resolve();
	readonly #limitBytes: number;
	readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
	#pieces: Piece[] = [];
	#from = 0;
	#to = 0;

	constructor(execId: string, startedMs: number, limitBytes: number) {
		this.execId = execId;
		this.startedMs = startedMs;
		this.#limitBytes = limitBytes;
	}

	write(stream: "stdout" | "stderr", bytes: Uint8Array): void {
		this.#add(stream, this.#decoders[stream].write(Buffer.from(bytes)));
	}

	ended(end: BackgroundEnd): void {
		this.#add("stdout", this.#decoders.stdout.end());
		this.#add("stderr", this.#decoders.stderr.end());
		this.end = end;
	}

	/** @param offset the `nextOffset` of an earlier read, or 0 */
	read(offset: number): BackgroundOutput {
		const pieces = this.#pieces.filter(({ to }) => to > offset);
		return {
			output: pieces.map(({ from, stream, text }) => ({
				stream,
				text: from >= offset ? text : Buffer.from(text).toString("utf8", offset - from),
			})),
			nextOffset: Math.max(offset, this.#to),
			missingBytes: Math.max(0, this.#from - offset),
		};
	}

	#add(stream: "stdout" | "stderr", text: string): void {
		if (text === "") return;
		const from = this.#to;
		this.#to += Buffer.byteLength(text);
		const last = this.#pieces.at(-1);
		if (last?.stream === stream && this.#to - last.from <= Math.min(PIECE_BYTES, this.#limitBytes / 8)) {
			last.text += text;
			last.to = this.#to;
			return;
		}
		this.#pieces.push({ stream, text, from, to: this.#to });
		while (this.#pieces.length > 1 && this.#to - (this.#pieces[0]?.from ?? 0) > this.#limitBytes)
			this.#pieces.shift();
		this.#from = this.#pieces[0]?.from ?? this.#to;
	}
}
