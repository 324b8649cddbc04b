// Carries one request's head and body to the worker, with backpressure. Bounds the body's size; parses nothing.
import type { IncomingMessage } from "node:http";
import { RollpinError } from "../base/errors.js";
import type { BodyFraming } from "./request-head.js";
import type { WorkerConnection } from "./worker-pool.js";

export interface UploadOwner {
	/** Every byte of the client's body has been read. */
	bodyEnded(): void;
	/** The body is over its bound. Said at most once; `stop` must follow. */
	bodyTooLarge(error: RollpinError): void;
}

/** A body that does not move for this long ends in 408. */
export const BODY_IDLE_MS = 30_000;
/** What a client may still send of a body that was refused as too large, before it is cut off. */
const DROPPED_BYTES = 64 * 1024 * 1024;
export class Upload {
	readonly #req: IncomingMessage;
	readonly #connection: WorkerConnection;
	readonly #chunked: boolean;
	readonly #maxBodyBytes: number;
	readonly #owner: UploadOwner;
	/** Kept until the first bytes of the body come, or its end: one write. */
	#head: string | null;
	#bodyBytes = 0;
	#movedMs = performance.now();
	#paused = false;
	#stopped = false;
	/** The whole request is on its way to the worker. */
	complete = false;

	/** @param head of the request to the worker, with the empty line that ends it */
	constructor(
		req: IncomingMessage,
		connection: WorkerConnection,
		head: string,
		framing: BodyFraming,
		maxBodyBytes: number,
		owner: UploadOwner,
	) {
		this.#req = req;
		this.#connection = connection;
		this.#head = head;
		this.#chunked = framing === "chunked";
		this.#maxBodyBytes = maxBodyBytes;
		this.#owner = owner;
		if (framing === "none") {
			this.complete = true;
			this.#send("");
			return;
		}
		req.on("data", (bytes: Buffer) => this.#received(bytes));
		req.on("end", () => this.#ended());
	}

	/** The client has sent nothing for too long. Never true while the worker makes us hold the client back. */
	isIdle(nowMs: number): boolean {
		return !this.#paused && nowMs - this.#movedMs >= BODY_IDLE_MS;
	}

	/** The worker takes bytes again. */
	resume(): void {
		if (!this.#paused) return;
		this.#paused = false;
		this.#movedMs = performance.now();
		this.#req.resume();
	}

	/** What still comes of the body is read and dropped, so that the client's connection can end or go on. */
	stop(): void {
		this.#stopped = true;
		if (this.#paused) this.#req.resume();
		this.#paused = false;
	}

	#received(bytes: Buffer): void {
		this.#bodyBytes += bytes.length;
		this.#movedMs = performance.now();
		if (this.#bodyBytes > this.#maxBodyBytes) {
			// The rest is read to be dropped, up to a bound: closing at once would reset the reply away.
			if (!this.#stopped)
				this.#owner.bodyTooLarge(
					new RollpinError("body_too_large", `a body may have ${this.#maxBodyBytes} bytes`),
				);
			else if (this.#bodyBytes > this.#maxBodyBytes + DROPPED_BYTES) this.#req.destroy();
			return;
		}
		if (this.#stopped || this.#write(bytes)) return;
		this.#paused = true;
		this.#req.pause();
	}

	#ended(): void {
		this.#owner.bodyEnded();
		if (this.#stopped) return;
		this.complete = true;
		if (this.#chunked) this.#send("0\r\n\r\n");
		else if (this.#head !== null) this.#send("");
	}

	#write(bytes: Buffer): boolean {
		if (!this.#chunked) return this.#send(bytes);
		this.#connection.cork();
		this.#send(`${bytes.length.toString(16)}\r\n`);
		this.#connection.write(bytes);
		const flowing = this.#connection.write("\r\n");
		this.#connection.uncork();
		return flowing;
	}

	/** Writes to the worker, the head first if it has not left yet. False: hold the client back. */
	#send(bytes: Buffer | string): boolean {
		const head = this.#head;
		if (head === null) return this.#connection.write(bytes);
		this.#head = null;
		if (typeof bytes === "string") return this.#connection.write(head + bytes);
		return this.#connection.writeBoth(head, bytes);
	}
}
