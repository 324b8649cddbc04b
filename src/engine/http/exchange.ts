// Owns one request to the engine and the collecting of its reply: deadline, cancellation, scanner fed as bytes arrive.
// Sends a request once and never again.
import type { Dispatcher } from "undici";
import type { CancelSignal } from "../../base/cancellation.js";
import { JsonSyntaxError } from "../../json/parse.js";
import { invalidReply } from "../invalid-reply.js";
import type { KnownPayload } from "../scan/known-payload.js";
import { ReplyScanner, type ScannedReply } from "../scan/reply-scanner.js";
import type { SiteTable } from "../scan/sites.js";
import { bodyPieces } from "./body-pieces.js";
import { headerValue, rawHeaderList } from "./headers.js";
import { deadlineError, transportError } from "./transport-errors.js";

interface ExchangeOptions {
	path: string;
	headers: string[];
	/** The body in order; sent without joining where that pays. */
	chunks: readonly Buffer[];
	byteLength: number;
	/** Whole exchange, from now to the reply's last byte. */
	timeoutMs: number;
	/** Bound on what is kept of a reply whose status is not 200. */
	maxRefusalBytes: number;
	/** Bound on any reply. */
	maxReplyBytes: number;
	signal: CancelSignal;
	/** Told when the signal or the deadline gives up a request that may have been written. */
	onCancelled: () => void;
	/** Told of the bytes that are held. */
	onReplyBytes: ((bytes: number) => void) | undefined;
	/** What the reply's payloads are likely to begin as, in their order; used up by this exchange. */
	knownPayloads: readonly KnownPayload[];
	/** Of the reply. */
	sites: SiteTable;
	/** The ids that are sent, as text; the scanner neither parses nor keeps what repeats them. */
	sentIds: readonly Buffer[];
}

interface ExchangeReply {
	status: number;
	/** Flat list, names and values as latin1. */
	headers: string[];
	/** Of status 200. */
	scanned?: ScannedReply;
	/** Of any other status. */
	body?: Buffer;
}

/**
 * Sends the request and resolves with the complete reply.
 *
 * There is no retry here, on purpose. undici itself looks at a pooled connection before it writes, and takes a fresh
 * one when the engine has closed it: that is the case in which not a byte was sent. Once it has written, nobody can
 * know what the engine got, and a second request could be a second generation.
 * @throws RollpinError `upstream_unreachable`, `upstream_invalid`, `upstream_timeout`; the signal's reason
 */
export function exchange(dispatcher: Dispatcher, options: ExchangeOptions): Promise<ExchangeReply> {
	return new Promise((resolve, reject) => {
		const run = new Exchange(options, resolve, reject);
		run.start(dispatcher);
	});
}

class Exchange implements Dispatcher.DispatchHandler {
	readonly #options: ExchangeOptions;
	readonly #resolve: (reply: ExchangeReply) => void;
	readonly #reject: (error: unknown) => void;
	readonly #startedAt = performance.now();
	#timer: NodeJS.Timeout | undefined;
	#settled = false;
	#failure: unknown;
	#controller: Dispatcher.DispatchController | undefined;
	#status = 0;
	#headers: string[] = [];
	#scanner: ReplyScanner | undefined;
	readonly #body: Buffer[] = [];
	#byteLength = 0;
	/** Of the reply's body; undefined: it does not say. */
	#declaredBytes: number | undefined;
	#keptBytes = 0;

	constructor(
		options: ExchangeOptions,
		resolve: (reply: ExchangeReply) => void,
		reject: (error: unknown) => void,
	) {
		this.#options = options;
		this.#resolve = resolve;
		this.#reject = reject;
	}

	readonly #onAbort = (): void => this.#cancel(this.#options.signal.reason);

	start(dispatcher: Dispatcher): void {
		const { signal, timeoutMs, chunks, byteLength } = this.#options;
		if (signal.aborted) {
			this.#fail(signal.reason);
			return;
		}
		signal.addEventListener("abort", this.#onAbort);
		this.#timer = setTimeout(() => this.#cancel(deadlineError(timeoutMs, this.#elapsedMs())), timeoutMs);
		const headers = [...this.#options.headers, "content-length", String(byteLength)];
		const pieces = bodyPieces(chunks, byteLength);
		const body = pieces.length === 1 ? pieces[0] : pieces;
		try {
			// undici takes any iterable; its types know of streams only.
			dispatcher.dispatch({ method: "POST", path: this.#options.path, headers, body: body as Buffer }, this);
		} catch (error) {
			this.#fail(transportError(error, this.#elapsedMs()));
		}
	}

	onRequestStart(controller: Dispatcher.DispatchController): void {
		this.#controller = controller;
		// Settled while it waited for a connection: nothing has been written yet, and nothing will be.
		if (this.#settled) controller.abort(asError(this.#failure));
	}

	onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
		if (status < 200) return;
		this.#status = status;
		this.#headers = rawHeaderList(controller.rawHeaders);
		if (status !== 200) return;
		const encoding = headerValue(this.#headers, "content-encoding");
		if (encoding !== undefined && encoding.trim().toLowerCase() !== "identity") {
			this.#fail(invalidReply("it has a content-encoding, though none was asked for"));
			return;
		}
		const { knownPayloads, sentIds, sites } = this.#options;
		const declared = Number(headerValue(this.#headers, "content-length"));
		const replyBytes = Number.isSafeInteger(declared) ? declared : undefined;
		this.#declaredBytes = replyBytes;
		this.#scanner = new ReplyScanner({ sites, sentIds, replyBytes, knownPayloads });
		this.#holdBack(controller);
	}

	onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
		if (this.#settled) return;
		this.#byteLength += chunk.length;
		const { maxReplyBytes, maxRefusalBytes } = this.#options;
		try {
			if (this.#byteLength > maxReplyBytes)
				throw invalidReply(`it is larger than ${maxReplyBytes} bytes (--max-reply-mib)`);
			if (this.#scanner !== undefined) {
				this.#scanner.push(chunk);
				this.#count(this.#scanner.keptBytes);
				this.#holdBack(controller);
			} else if (this.#byteLength <= maxRefusalBytes) {
				this.#body.push(Buffer.from(chunk));
				this.#count(this.#byteLength);
			} else
				throw invalidReply(`its status is ${this.#status}, and it is larger than ${maxRefusalBytes} bytes`);
		} catch (error) {
			this.#fail(scanFailure(error));
		}
	}

	/** The engine waits while what its payloads are compared with is read. */
	#holdBack(controller: Dispatcher.DispatchController): void {
		// Nothing more comes: a paused parser that meets the connection's end throws where nobody can catch it (undici#5360).
		if (this.#byteLength === this.#declaredBytes) return;
		let waits: Promise<void>[] | null = null;
		for (const known of this.#options.knownPayloads) {
			const wait = known.ready();
			if (wait === null) continue;
			waits ??= [];
			waits.push(wait);
		}
		if (waits === null) return;
		controller.pause();
		void Promise.all(waits).then(() => {
			if (!this.#settled) controller.resume();
		});
	}

	#count(keptBytes: number): void {
		this.#options.onReplyBytes?.(keptBytes - this.#keptBytes);
		this.#keptBytes = keptBytes;
	}

	onResponseEnd(): void {
		if (this.#settled) return;
		const reply: ExchangeReply = {
			status: this.#status,
			headers: this.#headers,
		};
		try {
			if (this.#scanner === undefined) reply.body = Buffer.concat(this.#body);
			else reply.scanned = this.#scanner.end();
		} catch (error) {
			this.#fail(scanFailure(error));
			return;
		}
		if (this.#settle()) this.#resolve(reply);
	}

	onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
		this.#fail(transportError(error, this.#elapsedMs()));
	}

	#elapsedMs(): number {
		return performance.now() - this.#startedAt;
	}

	#settle(): boolean {
		if (this.#settled) return false;
		this.#settled = true;
		for (const known of this.#options.knownPayloads) known.stop();
		clearTimeout(this.#timer);
		this.#options.signal.removeEventListener("abort", this.#onAbort);
		return true;
	}

	/** The engine may take seconds to notice that the connection has gone, so it is told. */
	#cancel(error: unknown): void {
		if (this.#settled) return;
		this.#fail(error);
		if (this.#controller !== undefined) this.#options.onCancelled();
	}

	/** Rejects, and destroys the connection so that the engine stops generating at once. */
	#fail(error: unknown): void {
		if (!this.#settle()) return;
		this.#failure = error;
		this.#reject(error);
		this.#controller?.abort(asError(error));
	}
}

function asError(error: unknown): Error {
	return error instanceof Error ? error : new Error("cancelled");
}

function scanFailure(error: unknown): unknown {
	return error instanceof JsonSyntaxError ? invalidReply("it is not strict JSON", error) : error;
}
