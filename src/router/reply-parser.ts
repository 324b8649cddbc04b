// Reads one HTTP/1.1 reply of a worker from its bytes. Strict: whatever our own workers never send is an error.
import { HOP_BY_HOP } from "../base/http-headers.js";

/** The head of a reply, as far as the relay needs it. */
export interface ReplyHead {
	status: number;
	reason: string;
	/** Names and values in turn, hop-by-hop ones removed, `transfer-encoding: chunked` or `content-length` kept. */
	headers: string[];
	hasDate: boolean;
	hasRequestId: boolean;
	/** Bytes of the body; null when it comes in chunks or there is none. */
	length: number | null;
	/** The worker closes its connection after this reply. */
	closes: boolean;
	/** Where its body begins in the bytes that were fed last. */
	bodyAt: number;
	/** It is whole in them, begins with the first, and a client whose connection is kept may get it as it stands there. */
	asSent: boolean;
}

export interface ReplySink {
	head(head: ReplyHead): void;
	/** The next bytes of the body, without chunk framing. */
	body(bytes: Buffer): void;
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_CHUNK_LINE = 256;
const LF = 10;

type State = "head" | "length" | "chunk_size" | "chunk_data" | "chunk_end" | "trailers" | "done";

/** @throws Error on anything malformed; the connection must then be destroyed */
export class ReplyParser {
	readonly #sink: ReplySink;
	#headOnly: boolean;
	#state: State = "head";
	/** Bytes of an unfinished head or line. */
	#kept: Buffer | null = null;
	/** Bytes of the body or chunk still to come. */
	#left = 0;
	/** How many bytes were fed last. */
	#fedBytes = 0;

	/** @param headOnly the request was HEAD: no body follows whatever the headers say */
	constructor(sink: ReplySink, headOnly: boolean) {
		this.#sink = sink;
		this.#headOnly = headOnly;
	}

	/** The next bytes are a new reply. */
	begin(headOnly: boolean): void {
		this.#headOnly = headOnly;
		this.#state = "head";
		this.#kept = null;
		this.#left = 0;
	}

	/** The reply is complete. Nothing may follow on this connection before the next request. */
	get done(): boolean {
		return this.#state === "done";
	}

	feed(bytes: Buffer): void {
		let rest = bytes;
		this.#fedBytes = bytes.length;
		while (rest.length > 0) {
			switch (this.#state) {
				case "head":
					rest = this.#readHead(rest);
					break;
				case "length":
				case "chunk_data":
					rest = this.#readBody(rest);
					break;
				case "done":
					throw new Error("bytes after the end of the reply");
				default:
					rest = this.#readLine(rest);
			}
		}
	}

	#readHead(bytes: Buffer): Buffer {
		const joined = this.#kept === null ? bytes : Buffer.concat([this.#kept, bytes]);
		const end = joined.indexOf("\r\n\r\n");
		if (end < 0) {
			if (joined.length > MAX_HEAD_BYTES) throw new Error("the head of the reply is too long");
			this.#kept = joined === bytes ? Buffer.from(bytes) : joined;
			return joined.subarray(joined.length);
		}
		const atStart = this.#kept === null && bytes.length === this.#fedBytes;
		this.#kept = null;
		const rest = joined.subarray(end + 4);
		const lines = joined.toString("latin1", 0, end).split("\r\n");
		const status = /^HTTP\/1\.1 ([1-5]\d\d)(?: (.*))?$/.exec(lines[0] ?? "");
		if (status === null) throw new Error("the status line of the reply is malformed");
		const code = Number(status[1]);
		// Interim replies say nothing to our client: the router answered `expect` itself.
		if (code >= 100 && code < 200) return rest;
		this.#begin(code, status[2] ?? "", lines, this.#fedBytes - rest.length, atStart);
		return rest;
	}

	#begin(status: number, reason: string, lines: readonly string[], bodyAt: number, atStart: boolean): void {
		const head: ReplyHead = {
			status,
			reason,
			headers: [],
			hasDate: false,
			hasRequestId: false,
			length: null,
			closes: false,
			bodyAt,
			asSent: atStart,
		};
		let length: number | null = null;
		let chunked = false;
		for (let index = 1; index < lines.length; index += 1) {
			const line = lines[index] as string;
			const colon = line.indexOf(":");
			if (colon <= 0) throw new Error("a header line of the reply is malformed");
			const name = line.slice(0, colon);
			const value = line.slice(colon + 1).trim();
			const key = name.toLowerCase();
			if (key === "connection") head.closes ||= value.toLowerCase().includes("close");
			if (HOP_BY_HOP.has(key) && key !== "transfer-encoding") {
				head.asSent &&= key === "keep-alive" || (key === "connection" && value === "keep-alive");
				continue;
			}
			if (key === "content-length") {
				if (length !== null || !/^\d{1,15}$/.test(value)) throw new Error("the reply's length is malformed");
				length = Number(value);
			} else if (key === "transfer-encoding") {
				if (chunked || value.toLowerCase() !== "chunked") throw new Error("the reply's coding is unknown");
				chunked = true;
			} else if (key === "date") head.hasDate = true;
			else if (key === "x-request-id") head.hasRequestId = true;
			head.headers.push(name, value);
		}
		if (chunked && length !== null) throw new Error("the reply has a length and a transfer coding");
		const empty = this.#headOnly || status === 204 || status === 304;
		// A reply that only the closing of its connection ends looks complete when it was cut.
		if (!empty && !chunked && length === null) throw new Error("the reply is not framed");
		head.length = empty ? null : length;
		head.asSent &&= head.hasDate && head.hasRequestId;
		this.#sink.head(head);
		if (empty || length === 0) {
			this.#state = "done";
			return;
		}
		if (chunked) this.#state = "chunk_size";
		else {
			this.#state = "length";
			this.#left = length ?? 0;
		}
	}

	#readBody(bytes: Buffer): Buffer {
		const body = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
		this.#left -= body.length;
		this.#sink.body(body);
		if (this.#left === 0) {
			if (this.#state === "length") this.#state = "done";
			else this.#state = "chunk_end";
		}
		return bytes.subarray(body.length);
	}

	#readLine(bytes: Buffer): Buffer {
		const lf = bytes.indexOf(LF);
		const upTo = lf < 0 ? bytes : bytes.subarray(0, lf + 1);
		const line = this.#kept === null ? upTo : Buffer.concat([this.#kept, upTo]);
		if (line.length > MAX_CHUNK_LINE) throw new Error("a chunk line of the reply is too long");
		if (lf < 0) {
			this.#kept = Buffer.from(line);
			return bytes.subarray(bytes.length);
		}
		this.#kept = null;
		this.#lineDone(line.toString("latin1"));
		return bytes.subarray(lf + 1);
	}

	#lineDone(line: string): void {
		if (!line.endsWith("\r\n")) throw new Error("a chunk line of the reply is malformed");
		if (this.#state === "chunk_end") {
			if (line !== "\r\n") throw new Error("a chunk of the reply is longer than it says");
			this.#state = "chunk_size";
		} else if (this.#state === "chunk_size") {
			const size = /^([0-9a-f]{1,8})\r\n$/i.exec(line)?.[1];
			if (size === undefined) throw new Error("a chunk size of the reply is malformed");
			this.#left = Number.parseInt(size, 16);
			this.#state = this.#left === 0 ? "trailers" : "chunk_data";
		} else if (line === "\r\n") this.#state = "done";
	}
}
