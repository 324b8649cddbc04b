// Carries one request's bytes to a worker and the reply's bytes back, both with backpressure. Parses no body.
import type { IncomingMessage, ServerResponse } from "node:http";
import { RollpinError } from "../base/errors.js";
import { refuse } from "./replies.js";
import type { ReplyHead } from "./reply-parser.js";
import type { HeadFacts } from "./request-head.js";
import type { Exchange, WorkerConnection, WorkerPool } from "./worker-pool.js";

export interface RelayTarget {
	worker: number;
	socketPath: string;
	/** Internal headers for the worker, `name: value\r\n` each. */
	internalHeaders: string;
}

export interface RelayLimits {
	maxBodyBytes: number;
}

export interface RelayWatch {
	/** The client's body goes on being awaited; asked about once a second. */
	uploads: Set<Relay>;
	/** Called exactly once. `code` is null unless the worker failed. */
	ended(target: RelayTarget, requestId: string, code: string | null): void;
}

/** A body that stands still for so long ends in 408 (bad-input.md). */
const BODY_IDLE_MS = 30_000;
/** What a client may send over the limit, behind a reply that told it so, before it is cut off. */
const DROPPED_BYTES = 64 * 1024 * 1024;
/** Up to here a copy into one string, and so one write with the head, is cheaper than a second buffer. */
const SMALL_BYTES = 16 * 1024;

export class Relay implements Exchange {
	readonly #req: IncomingMessage;
	readonly #res: ServerResponse;
	readonly #facts: HeadFacts;
	readonly #target: RelayTarget;
	readonly #limits: RelayLimits;
	readonly #watch: RelayWatch;
	readonly #connection: WorkerConnection;
	#over = false;
	/** The whole request is on its way to the worker. */
	#sent = false;
	/** The request's head until it leaves, with the first piece of the body if there is one: one write. */
	#head: string | null;
	#bodyBytes = 0;
	#bodyMovedMs = performance.now();
	#uploadPaused = false;
	#headSent = false;
	/** The reply says its length, so that its body is written as it is. */
	#hasLength = false;
	/** The head has left, by itself or with the first piece. */
	#headLeft = false;
	/** First piece of the body, kept back so that a small reply leaves in one write. */
	#held: Buffer | null = null;

	constructor(
		req: IncomingMessage,
		res: ServerResponse,
		facts: HeadFacts,
		target: RelayTarget,
		pool: WorkerPool,
		limits: RelayLimits,
		watch: RelayWatch,
	) {
		this.#req = req;
		this.#res = res;
		this.#facts = facts;
		this.#target = target;
		this.#limits = limits;
		this.#watch = watch;
		this.#connection = pool.acquire(target.socketPath);
		this.#connection.begin(this, req.method === "HEAD");
		this.#head = this.#headText();
		res.on("close", () => this.#clientClosed());
		res.on("drain", () => {
			if (!this.#over) this.#connection.resume();
		});
		if (facts.framing === "none") {
			this.#sent = true;
			this.#send("");
			return;
		}
		watch.uploads.add(this);
		req.on("data", (piece: Buffer) => this.#upload(piece));
		req.on("end", () => this.#uploadEnd());
	}

	/** Ends an upload that stands still. Not one that we hold back ourselves. */
	checkIdle(nowMs: number): void {
		if (this.#over || this.#uploadPaused || nowMs - this.#bodyMovedMs < BODY_IDLE_MS) return;
		this.#refuse(
			new RollpinError("request_timeout", `no byte of the body came for ${BODY_IDLE_MS / 1000} s`),
		);
	}

	head(head: ReplyHead): void {
		const { headers } = head;
		if (!head.hasRequestId) headers.push("x-request-id", this.#facts.requestId);
		this.#res.sendDate = !head.hasDate;
		this.#headSent = true;
		this.#hasLength = head.length !== null;
		this.#res.writeHead(
			head.status,
			head.reason,
			this.#req.httpVersion === "1.0" ? unchunked(headers) : headers,
		);
	}

	body(piece: Buffer): void {
		if (!this.#headLeft && this.#held === null) {
			this.#held = piece;
			return;
		}
		this.#giveHeld();
		this.#write(piece);
	}

	pieceEnd(): void {
		if (this.#over || !this.#headSent) return;
		this.#giveHeld();
		if (this.#headLeft) return;
		this.#headLeft = true;
		this.#res.flushHeaders();
	}

	end(): boolean {
		const held = this.#held;
		if (held === null) this.#res.end();
		else if (held.length <= SMALL_BYTES && this.#hasLength) this.#endInOneWrite(held);
		else this.#res.end(held);
		this.#finish(null);
		return this.#sent;
	}

	failed(error: NodeJS.ErrnoException, untouched: boolean): void {
		const code = error.code ?? "EPIPE";
		if (this.#headSent) {
			// Half a reply must not look like a whole one.
			this.#finish(code);
			this.#res.destroy();
			return;
		}
		const { worker } = this.#target;
		const gone = untouched
			? new RollpinError("worker_unavailable", `worker ${worker} is not available; try again`, {
					retryAfterS: 1,
				})
			: new RollpinError(
					"worker_unavailable",
					`worker ${worker} ended before it answered; whether it had committed the request is unknown`,
					{ status: 502, retryAfterS: 1 },
				);
		this.#finish(code);
		refuse(this.#req, this.#res, gone, this.#facts.requestId);
	}

	drained(): void {
		if (!this.#uploadPaused) return;
		this.#uploadPaused = false;
		this.#bodyMovedMs = performance.now();
		this.#req.resume();
	}

	#headText(): string {
		const { method, url } = this.#req;
		const { forwarded, requestId, framing, contentLength } = this.#facts;
		let head = `${method} ${url} HTTP/1.1\r\n${forwarded}x-request-id: ${requestId}\r\n${this.#target.internalHeaders}`;
		if (framing === "length") head += `content-length: ${contentLength}\r\n`;
		else if (framing === "chunked") head += "transfer-encoding: chunked\r\n";
		// HTTP/1.0 may come without one; HTTP/1.1, which the worker is spoken to in, may not.
		if (this.#req.headers.host === undefined) head += "host: rollpin\r\n";
		return `${head}\r\n`;
	}

	#upload(piece: Buffer): void {
		this.#bodyBytes += piece.length;
		this.#bodyMovedMs = performance.now();
		const { maxBodyBytes } = this.#limits;
		if (this.#bodyBytes > maxBodyBytes) {
			// After a reply the rest is only read to be dropped, for a while: closing at once would reset the reply away.
			if (!this.#over)
				this.#refuse(new RollpinError("body_too_large", `a body may have ${maxBodyBytes} bytes`));
			else if (this.#bodyBytes > maxBodyBytes + DROPPED_BYTES) this.#req.destroy();
			return;
		}
		if (this.#over) return;
		let flowing: boolean;
		if (this.#facts.framing === "chunked") {
			this.#connection.cork();
			this.#send(`${piece.length.toString(16)}\r\n`);
			this.#connection.write(piece);
			flowing = this.#connection.write("\r\n");
			this.#connection.uncork();
		} else flowing = this.#send(piece);
		if (!flowing) {
			this.#uploadPaused = true;
			this.#req.pause();
		}
	}

	#uploadEnd(): void {
		this.#watch.uploads.delete(this);
		if (this.#over) return;
		this.#sent = true;
		if (this.#facts.framing === "chunked") this.#send("0\r\n\r\n");
		else if (this.#head !== null) this.#send("");
	}

	/** Writes to the worker, behind the head if that has not left yet. False: hold the client back. */
	#send(piece: Buffer | string): boolean {
		const head = this.#head;
		if (head === null) return this.#connection.write(piece);
		this.#head = null;
		if (typeof piece === "string") return this.#connection.write(head + piece);
		if (piece.length <= SMALL_BYTES) return this.#connection.write(head + piece.toString("latin1"));
		this.#connection.write(head);
		return this.#connection.write(piece);
	}

	/** Head and body as one string. `end(body)` would add an empty second write, and two are gathered at a cost. */
	#endInOneWrite(body: Buffer): void {
		const { socket } = this.#res;
		socket?.cork();
		this.#res.write(body.toString("latin1"), "latin1");
		socket?.uncork();
		this.#res.end();
	}

	#giveHeld(): void {
		const held = this.#held;
		this.#held = null;
		if (held !== null) this.#write(held);
	}

	#write(piece: Buffer): void {
		this.#headLeft = true;
		if (!this.#res.write(piece)) this.#connection.pause();
	}

	#refuse(error: RollpinError): void {
		this.#connection.destroy();
		const headSent = this.#headSent;
		this.#finish(null);
		if (headSent) this.#res.destroy();
		else refuse(this.#req, this.#res, error, this.#facts.requestId, true);
	}

	#clientClosed(): void {
		this.#watch.uploads.delete(this);
		if (this.#over) return;
		this.#connection.destroy();
		this.#finish(null);
	}

	#finish(code: string | null): void {
		if (this.#over) return;
		this.#over = true;
		this.#watch.uploads.delete(this);
		// A body that is still coming is dropped, so that the connection can end or go on.
		if (this.#uploadPaused) this.#req.resume();
		this.#uploadPaused = false;
		this.#watch.ended(this.#target, this.#facts.requestId, code);
	}
}

/** HTTP/1.0 knows no chunks: the closing connection ends the body. */
function unchunked(headers: readonly string[]): string[] {
	return headers.filter((_, index) => headers[index - (index % 2)]?.toLowerCase() !== "transfer-encoding");
}
