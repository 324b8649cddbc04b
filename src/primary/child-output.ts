// What a child prints: its log records go on into the cluster's log, everything else becomes a record of its own. Starts nothing.
import type { Readable } from "node:stream";
import type { ChildRole } from "../ipc/messages.js";
import type { ClusterLogger } from "../telemetry/logger.js";

export type OutputLog = Pick<ClusterLogger, "event" | "relay">;

/** What is printed at once belongs together, and to the child's end if that follows. */
const QUIET_MS = 200;
/** One that goes on and on is told so often. */
const LONGEST_MS = 2_000;
/** Kept of one print: the beginning of a stack says what, the end of a long print what was last. */
const MAX_TEXT = 16 * 1024;
/** A record has no more than the child's own buffer. */
const MAX_RECORD_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 0x0a;

export class ChildOutput {
	readonly #stdout: Print;
	readonly #stderr: Print;

	constructor(
		role: ChildRole,
		pid: number,
		streams: { stdout: Readable | null; stderr: Readable | null },
		log: OutputLog,
	) {
		const say = (stream: "stdout" | "stderr") => (text: string) =>
			log.event(
				"child_output",
				{ child_role: role, child_pid: pid, stream, text },
				`the ${role} of process ${pid} printed: ${headline(text)}`,
			);
		this.#stdout = new Print(say("stdout"));
		this.#stderr = new Print(say("stderr"));
		readLines(streams.stdout, (line) => {
			if (isRecord(line)) log.relay(line);
			else this.#stdout.add(line);
		});
		readLines(streams.stderr, (line) => this.#stderr.add(line));
	}

	/** The child has ended: what it printed last, for the record of its end; null when there is nothing. */
	ended(): string | null {
		this.#stdout.say();
		return this.#stderr.take();
	}
}

/** The line of a stack that says what happened, or the last one. */
export function headline(text: string): string {
	const lines = text.split("\n").filter((line) => line.trim() !== "");
	return (
		lines.find((line) => /^(?:FATAL ERROR|[\w.]*(?:Error|Exception))\b/.test(line)) ??
		lines.at(-1) ??
		""
	).trim();
}

/** Lines that are no records, until it is clear whom they belong to. */
class Print {
	readonly #say: (text: string) => void;
	#text = "";
	#sinceMs = 0;
	#timer: NodeJS.Timeout | undefined;

	constructor(say: (text: string) => void) {
		this.#say = say;
	}

	add(line: string): void {
		if (this.#text === "") this.#sinceMs = performance.now();
		const text = this.#text === "" ? line : `${this.#text}\n${line}`;
		this.#text =
			text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT / 2)}\n...\n${text.slice(-MAX_TEXT / 2)}`;
		clearTimeout(this.#timer);
		const leftMs = this.#sinceMs + LONGEST_MS - performance.now();
		this.#timer = setTimeout(() => this.say(), Math.min(QUIET_MS, leftMs));
		this.#timer.unref();
	}

	say(): void {
		const text = this.take();
		if (text !== null) this.#say(text);
	}

	take(): string | null {
		clearTimeout(this.#timer);
		const text = this.#text;
		this.#text = "";
		return text === "" ? null : text;
	}
}

/** Our own begin with the level; whatever else is one JSON object is as good as one. */
function isRecord(line: string): boolean {
	if (line.startsWith('{"level":"')) return line.endsWith("}");
	if (!line.startsWith("{")) return false;
	try {
		JSON.parse(line);
		return true;
	} catch {
		return false;
	}
}

/** Whole lines without their feed; the last one also without any. */
function readLines(stream: Readable | null, take: (line: string) => void): void {
	if (stream === null) return;
	let rest: Buffer[] = [];
	let restBytes = 0;
	const end = (): void => {
		if (restBytes > 0) take(Buffer.concat(rest).toString());
		rest = [];
		restBytes = 0;
	};
	stream.on("data", (piece: Buffer) => {
		let from = 0;
		for (let at = piece.indexOf(LINE_FEED); at !== -1; at = piece.indexOf(LINE_FEED, from)) {
			const line = piece.subarray(from, at);
			from = at + 1;
			// Each line a text of its own: a slice would hold the whole piece while it waits.
			if (restBytes === 0) take(line.toString());
			else {
				rest.push(line);
				restBytes += line.length;
				end();
			}
		}
		if (from === piece.length) return;
		rest.push(piece.subarray(from));
		restBytes += piece.length - from;
		if (restBytes > MAX_RECORD_BYTES) end();
	});
	stream.on("end", end);
	stream.on("error", () => undefined);
}
