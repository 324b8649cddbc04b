// What a background command has written so far, bounded, and how it ended. Runs nothing.
import { StringDecoder } from "node:string_decoder";

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
}

export interface BackgroundOutput {
	output: ReadonlyArray<{ stream: "stdout" | "stderr"; text: string }>;
	/** Where the next read goes on. */
	nextOffset: number;
	/** Bytes before the first piece that are asked for and are not kept any more. */
	missingBytes: number;
}

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

	/** @param offset the `nextOffset` of an earlier read, or 0; within a piece, all of that piece is given */
	read(offset: number): BackgroundOutput {
		const pieces = this.#pieces.filter(({ to }) => to > offset);
		return {
			output: pieces.map(({ stream, text }) => ({ stream, text })),
			nextOffset: Math.max(offset, this.#to),
			missingBytes: Math.max(0, this.#from - offset),
		};
	}

	#add(stream: "stdout" | "stderr", text: string): void {
		if (text === "") return;
		const from = this.#to;
		this.#to += Buffer.byteLength(text);
		this.#pieces.push({ stream, text, from, to: this.#to });
		while (this.#pieces.length > 1 && this.#to - (this.#pieces[0]?.from ?? 0) > this.#limitBytes)
			this.#pieces.shift();
		this.#from = this.#pieces[0]?.from ?? this.#to;
	}
}
