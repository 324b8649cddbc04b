// One relayed request: its bytes to a worker, the reply's bytes back, and what the client is told when either side fails.
import type { IncomingMessage, ServerResponse } from "node:http";
import { RollpinError } from "../base/errors.js";
import type { WorkerAddress } from "../ipc/worker-address.js";
import { SANDBOX_PROCESS, sandboxProcessFailed } from "./choose-sandbox.js";
import type { RouteLabel } from "./metrics.js";
import { refuse } from "./replies.js";
import type { ReplyHead } from "./reply-parser.js";
import { ReplyWriter } from "./reply-writer.js";
import { type RequestHead, workerHead } from "./request-head.js";
import { BODY_IDLE_MS, Upload, type UploadOwner } from "./upload.js";
import type { ReplyListener, WorkerConnection, WorkerPool } from "./worker-pool.js";

export interface RelayTarget {
	/** Its index, or `SANDBOX_PROCESS`. */
	worker: number;
	address: WorkerAddress;
	/** Internal headers for the worker, `name: value\r\n` each. */
	internalHeaders: string;
	/** Which request it is; for the metrics. */
	path: RouteLabel;
}

export interface RelayWatch {
	/** The client's body is still awaited; asked about once a second. */
	uploads: Set<Relay>;
	/** Called exactly once. `code` is null unless the worker failed. */
	ended(target: RelayTarget, requestId: string, code: string | null): void;
}

export class Relay implements ReplyListener, UploadOwner {
	readonly #req: IncomingMessage;
	readonly #res: ServerResponse;
	readonly #requestId: string;
	readonly #target: RelayTarget;
	readonly #watch: RelayWatch;
	readonly #connection: WorkerConnection;
	readonly #upload: Upload;
	readonly #reply: ReplyWriter;
	#over = false;

	constructor(
		req: IncomingMessage,
		res: ServerResponse,
		head: RequestHead,
		target: RelayTarget,
		pool: WorkerPool,
		maxBodyBytes: number,
		watch: RelayWatch,
	) {
		this.#req = req;
		this.#res = res;
		this.#requestId = head.requestId;
		this.#target = target;
		this.#watch = watch;
		this.#reply = new ReplyWriter(res);
		this.#connection = pool.acquire(target.address);
		this.#connection.begin(this, req.method === "HEAD");
		res.on("close", () => this.#clientClosed());
		res.on("drain", () => {
			if (!this.#over) this.#connection.resume();
		});
		if (head.framing !== "none") watch.uploads.add(this);
		const text = workerHead(req.method ?? "", req.url ?? "", head, target.internalHeaders);
		this.#upload = new Upload(req, this.#connection, text, head.framing, maxBodyBytes, this);
	}

	/** Ends an upload that stands still. */
	checkIdle(nowMs: number): void {
		if (this.#over || !this.#upload.isIdle(nowMs)) return;
		this.#refuse(
			new RollpinError("request_timeout", `no byte of the body came for ${BODY_IDLE_MS / 1000} s`),
		);
	}

	bodyEnded(): void {
		this.#watch.uploads.delete(this);
	}

	bodyTooLarge(error: RollpinError): void {
		this.#refuse(error);
	}

	head(head: ReplyHead): void {
		this.#reply.head(head, this.#requestId);
	}

	body(bytes: Buffer): void {
		if (!this.#reply.body(Buffer.from(bytes))) this.#connection.pause();
	}

	readEnd(): void {
		if (!this.#over && !this.#reply.pause()) this.#connection.pause();
	}

	end(): boolean {
		this.#reply.end();
		this.#finish(null);
		return this.#upload.complete;
	}

	failed(error: NodeJS.ErrnoException, untouched: boolean): void {
		const code = error.code ?? "EPIPE";
		this.#finish(code);
		if (this.#reply.begun) {
			// Half a reply must not look like a whole one.
			this.#res.destroy();
			return;
		}
		refuse(this.#req, this.#res, workerFailed(this.#target.worker, untouched), this.#requestId);
	}

	drained(): void {
		this.#upload.resume();
	}

	#refuse(error: RollpinError): void {
		this.#connection.destroy();
		this.#finish(null);
		if (this.#reply.begun) this.#res.destroy();
		else refuse(this.#req, this.#res, error, this.#requestId, true);
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
		this.#upload.stop();
		this.#watch.ended(this.#target, this.#requestId, code);
	}
}

export function workerFailed(worker: number, untouched: boolean): RollpinError {
	if (worker === SANDBOX_PROCESS) return sandboxProcessFailed(untouched);
	if (untouched) {
		return new RollpinError("worker_unavailable", `worker ${worker} is not available; try again`, {
			retryAfterS: 1,
		});
	}
	return new RollpinError(
		"worker_unavailable",
		`worker ${worker} ended before it answered; whether it had committed the request is unknown`,
		{ status: 502, retryAfterS: 1 },
	);
}
