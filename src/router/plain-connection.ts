// One client's connection for as long as its requests are plain: bytes to the worker, the reply's bytes back as they are.
import type { Socket } from "node:net";
import { RollpinError } from "../base/errors.js";
import { NO_ANSWER, type RouteLabel } from "./metrics.js";
import { readPlainHead } from "./plain-head.js";
import { type RelayTarget, workerFailed } from "./relay.js";
import { NO_HTTP, refuseRaw } from "./replies.js";
import { replyHead } from "./reply-head.js";
import type { ReplyHead } from "./reply-parser.js";
import { newRequestId, readRequestHead, workerHead } from "./request-head.js";
import type { Router } from "./router.js";
import { BODY_IDLE_MS } from "./upload.js";
import type { ReplyListener, WorkerConnection } from "./worker-pool.js";

export interface PlainOwner {
	/** The connection and what was read of it: node's server has it from now on. */
	handOver(connection: PlainConnection, socket: Socket, bytes: Buffer): void;
	closed(connection: PlainConnection): void;
}

export interface IdleLimits {
	/** Until the first byte. */
	firstByteMs: number;
	/** Between two requests. */
	keptMs: number;
}

export class PlainConnection implements ReplyListener {
	readonly #socket: Socket;
	readonly #router: Router;
	readonly #owner: PlainOwner;
	readonly #flushed = (): void => this.#replyLeft();
	/** Of the request that is running, until its reply is written or it is given up. */
	#worker: WorkerConnection | null = null;
	#target: RelayTarget | null = null;
	#requestId = "";
	#method = "";
	#path: RouteLabel = "other";
	#startedMs = 0;
	/** Of the reply, or of our refusal; 0 before there is one. */
	#status = 0;
	/** Of the request to the worker; kept until the first bytes of the body come: one write. */
	#requestHead: string | null = null;
	/** Bytes of the request's body still to come. */
	#left = 0;
	/** Of the reply, until it is written. */
	#replyHead: ReplyHead | null = null;
	/** The client has some of a reply: no other one can be given. */
	#begun = false;
	/** From a request's head until its body was read and its reply left. */
	#busy = false;
	#replied = false;
	/** The reply says that it is the last on this connection. */
	#closes = false;
	/** Nothing more is taken from it. */
	#over = false;
	/** The worker does not keep up. */
	#heldBack = false;
	/** What a client sent before it had the reply. */
	#waiting: Buffer | null = null;
	#first = true;
	#movedMs = performance.now();

	constructor(socket: Socket, router: Router, owner: PlainOwner) {
		this.#socket = socket;
		this.#router = router;
		this.#owner = owner;
		socket.on("data", this.#onData);
		socket.on("drain", this.#onDrain);
		socket.on("end", this.#onEnd);
		socket.on("error", this.#onError);
		socket.on("close", this.#onClose);
	}

	get idle(): boolean {
		return !this.#busy && !this.#over;
	}

	destroy(): void {
		this.#socket.destroy();
	}

	/** Ends what stands still. */
	check(nowMs: number, limits: IdleLimits): void {
		if (this.#over) return;
		const stillMs = nowMs - this.#movedMs;
		if (this.#left > 0) {
			if (this.#heldBack || stillMs < BODY_IDLE_MS) return;
			this.#giveUp();
			this.#refuse(timeout(`no byte of the body came for ${BODY_IDLE_MS / 1000} s`));
		} else if (!this.#busy && this.#first && stillMs >= limits.firstByteMs) {
			this.#refuse(timeout(`the request's head did not come within ${limits.firstByteMs / 1000} s`));
		} else if (!this.#busy && stillMs >= limits.keptMs) this.#socket.destroy();
	}

	head(head: ReplyHead): void {
		this.#replyHead = head;
		this.#status = head.status;
	}

	body(): void {
		// Its bytes travel as they are, chunks and all.
	}

	readEnd(bytes: Buffer): void {
		if (!this.#forward(bytes, false)) this.#worker?.pause();
	}

	end(bytes: Buffer): boolean {
		this.#forward(bytes, true);
		this.#finish(null);
		return this.#left === 0;
	}

	failed(error: NodeJS.ErrnoException, untouched: boolean): void {
		const worker = this.#target?.worker ?? 0;
		this.#finish(error.code ?? "EPIPE");
		this.#refuse(workerFailed(worker, untouched));
	}

	drained(): void {
		if (!this.#heldBack) return;
		this.#heldBack = false;
		this.#movedMs = performance.now();
		this.#socket.resume();
	}

	readonly #onData = (bytes: Buffer): void => {
		if (this.#over) return;
		const rest = this.#left > 0 ? this.#upload(bytes) : bytes;
		if (rest.length === 0) return;
		if (this.#busy) this.#wait(rest);
		else this.#begin(rest);
	};

	readonly #onDrain = (): void => this.#worker?.resume();

	/** As node's server takes it: a client that ends its side is gone, or has sent half a request. */
	readonly #onEnd = (): void => {
		this.#giveUp();
		if (this.#left === 0 || this.#begun || this.#over) this.#socket.end();
		else this.#refuse(new RollpinError("invalid_request", NO_HTTP));
	};

	readonly #onError = (): void => {
		this.#socket.destroy();
	};

	readonly #onClose = (): void => {
		this.#giveUp();
		this.#left = 0;
		if (this.#busy) this.#requestOver(performance.now());
		this.#busy = false;
		this.#owner.closed(this);
	};

	#begin(bytes: Buffer): void {
		const request = readPlainHead(bytes);
		const head = request === null ? null : readRequestHead(request.raw, "1.1");
		if (request === null || head === null || head.special) {
			this.#handOver(bytes);
			return;
		}
		const target = this.#router.takePlain(request.method, request.target, head);
		if (target === null) {
			this.#handOver(bytes);
			return;
		}
		this.#busy = true;
		this.#first = false;
		this.#replied = false;
		this.#begun = false;
		this.#target = target;
		this.#requestId = head.requestId;
		this.#method = request.method;
		this.#path = target.path;
		this.#status = 0;
		this.#movedMs = performance.now();
		this.#startedMs = this.#movedMs;
		this.#worker = this.#router.pool.acquire(target.address);
		this.#worker.begin(this, false);
		this.#requestHead = workerHead(request.method, request.target, head, target.internalHeaders);
		this.#left = head.contentLength;
		if (this.#left === 0) this.#send(null);
		if (bytes.length === request.length) return;
		const rest = bytes.subarray(request.length);
		const more = this.#left > 0 ? this.#upload(rest) : rest;
		if (more.length > 0) this.#wait(more);
	}

	/** @returns what is not of the body */
	#upload(bytes: Buffer): Buffer {
		const piece = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left);
		this.#left -= piece.length;
		this.#movedMs = performance.now();
		if (this.#worker === null) {
			// It was answered without it: what still comes is dropped.
			if (this.#left === 0) this.#next();
		} else if (!this.#send(piece) && this.#left > 0) {
			this.#heldBack = true;
			this.#socket.pause();
		}
		return bytes.subarray(piece.length);
	}

	/** @returns false: hold the client back */
	#send(piece: Buffer | null): boolean {
		const head = this.#requestHead;
		this.#requestHead = null;
		if (this.#worker === null) return true;
		if (head === null) return piece === null || this.#worker.write(piece);
		return this.#worker.writeBoth(head, piece);
	}

	/** Writes what one read of the worker's socket brought. @returns false: hold the worker back */
	#forward(bytes: Buffer, last: boolean): boolean {
		const head = this.#replyHead;
		this.#replyHead = null;
		// The first part of a head.
		if (head === null && !this.#begun) return true;
		this.#begun = true;
		const flowing = this.#write(head, bytes, last ? this.#flushed : undefined);
		// What the system did not take at once it will get from there.
		if (this.#socket.writableLength > 0) this.#worker?.keepRead();
		return flowing;
	}

	#write(head: ReplyHead | null, bytes: Buffer, written: (() => void) | undefined): boolean {
		if (head === null || (head.asSent && !this.#router.draining)) return this.#socket.write(bytes, written);
		this.#closes = this.#router.draining;
		const text = replyHead(head, this.#requestId, this.#closes);
		if (head.bodyAt === bytes.length) return this.#socket.write(text, "latin1", written);
		this.#socket.cork();
		this.#socket.write(text, "latin1");
		const flowing = this.#socket.write(bytes.subarray(head.bodyAt), written);
		this.#socket.uncork();
		return flowing;
	}

	#replyLeft(): void {
		this.#replied = true;
		this.#next();
	}

	/** The next request, once this one's body was read and its reply left. */
	#next(): void {
		if (!this.#replied || this.#left > 0 || !this.#busy || this.#socket.destroyed) return;
		this.#busy = false;
		this.#movedMs = performance.now();
		this.#requestOver(this.#movedMs);
		if (this.#closes) {
			this.#over = true;
			this.#socket.destroySoon();
			return;
		}
		const waiting = this.#waiting;
		if (waiting === null) return;
		this.#waiting = null;
		this.#socket.resume();
		this.#begin(waiting);
	}

	#requestOver(nowMs: number): void {
		const status = this.#status === 0 ? NO_ANSWER : this.#status;
		this.#router.metrics.answered(this.#path, this.#method, status, nowMs - this.#startedMs);
		this.#router.requestOver();
	}

	#wait(bytes: Buffer): void {
		this.#waiting = this.#waiting === null ? bytes : Buffer.concat([this.#waiting, bytes]);
		this.#socket.pause();
	}

	#handOver(bytes: Buffer): void {
		this.#socket.pause();
		this.#socket.off("data", this.#onData);
		this.#socket.off("drain", this.#onDrain);
		this.#socket.off("end", this.#onEnd);
		this.#socket.off("error", this.#onError);
		this.#socket.off("close", this.#onClose);
		this.#owner.closed(this);
		this.#owner.handOver(this, this.#socket, bytes);
	}

	/** Cuts the worker's request. */
	#giveUp(): void {
		this.#worker?.destroy();
		this.#finish(null);
	}

	#finish(code: string | null): void {
		const target = this.#target;
		this.#worker = null;
		this.#target = null;
		if (this.#heldBack) this.drained();
		if (target !== null) this.#router.watch.ended(target, this.#requestId, code);
	}

	#refuse(error: RollpinError): void {
		if (this.#begun && this.#busy) {
			// Half a reply must not look like a whole one.
			this.#socket.destroy();
			return;
		}
		this.#over = true;
		this.#status = error.status;
		if (this.#busy) this.#router.metrics.refused(error.code);
		else this.#router.metrics.refusedRaw(error.code, error.status);
		refuseRaw(this.#socket, error, this.#requestId === "" ? newRequestId() : this.#requestId);
	}
}

function timeout(message: string): RollpinError {
	return new RollpinError("request_timeout", message);
}
