// Talks to the engine: keep-alive pool, explicit deadlines, cancellation. Repeats nothing: a second request could be a
// second generation.
import type { Readable } from "node:stream";
import { type Dispatcher, Pool } from "undici";
import { Breaker, type BreakerListener } from "./breaker.js";
import type { EngineRefusal, Generation } from "./engine.js";
import { clientHeaders, upstreamHeaders } from "./headers.js";
import { invalidReply, type ReplyExpectation, validateReply } from "./reply.js";
import { ReplyScanner, ReplySyntaxError } from "./reply-scanner.js";
import { timeoutError, transportError } from "./transport-errors.js";

const CONNECT_TIMEOUT_MS = 10_000;
/** Below the 5 s after which uvicorn closes idle connections: whoever reuses a connection must give it up first. */
const KEEP_ALIVE_TIMEOUT_MS = 4_000;
/** An answer other than 200 is an error text; a larger one is cut off as unusable. */
const MAX_REFUSAL_BYTES = 16 * 1024 * 1024;

export interface EngineClientOptions {
	/** Base URL; a path in it is kept in front of every path. */
	baseUrl: string;
	/** For a whole reply, from the first byte sent to the last received. */
	timeoutMs: number;
	/** Told when the breaker opens and closes; for the log. */
	breaker?: BreakerListener;
}

export interface EngineChatRequest extends ReplyExpectation {
	chunks: readonly Buffer[];
	byteLength: number;
	/** Flat list of names and values. */
	headers: string[];
	/** With its question mark, or empty. */
	query: string;
	signal: AbortSignal;
}

export type EngineChatResult =
	| { kind: "generated"; generation: Generation }
	| { kind: "refused"; refusal: EngineRefusal };

export interface PassThroughRequest {
	method: string;
	/** Path with its query string. */
	path: string;
	/** The client's headers as a flat list. */
	rawHeaders: readonly string[];
	routingKey: string;
	forwardAuthorization: boolean;
	body: Readable;
	hasBody: boolean;
	signal: AbortSignal;
}

export interface PassThroughReply {
	status: number;
	headers: ReadonlyArray<readonly [string, string]>;
	body: Readable;
}

export class EngineClient {
	readonly #pool: Pool;
	readonly #prefix: string;
	readonly #url: string;
	readonly #timeoutMs: number;
	readonly #breaker: Breaker;

	constructor(options: EngineClientOptions) {
		const base = new URL(options.baseUrl);
		this.#pool = new Pool(base.origin, {
			connect: { timeout: CONNECT_TIMEOUT_MS },
			keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
			keepAliveMaxTimeout: KEEP_ALIVE_TIMEOUT_MS,
			pipelining: 1,
			headersTimeout: options.timeoutMs,
			bodyTimeout: options.timeoutMs,
		});
		this.#prefix = base.pathname.replace(/\/+$/, "");
		this.#url = options.baseUrl;
		this.#timeoutMs = options.timeoutMs;
		this.#breaker = new Breaker(options.baseUrl, options.breaker);
	}

	/**
	 * One generation. The reply is scanned while it arrives.
	 * @throws RollpinError `upstream_unreachable`, `upstream_invalid`, `upstream_timeout`, `upstream_breaker_open`;
	 * `signal`'s reason when it fires
	 */
	chat(request: EngineChatRequest): Promise<EngineChatResult> {
		return this.#breaker.guard(() => this.#exchange(request));
	}

	#exchange(request: EngineChatRequest): Promise<EngineChatResult> {
		const { signal } = request;
		return new Promise((resolve, reject) => {
			const startedMs = performance.now();
			let controller: Dispatcher.DispatchController | null = null;
			let settled = false;
			const settle = (act: () => void) => {
				if (settled) return;
				settled = true;
				clearTimeout(timer);
				signal.removeEventListener("abort", onAbort);
				act();
			};
			const fail = (error: unknown) => {
				settle(() => reject(error));
				// Also when the request is still in the pool's queue: then its start finds it settled.
				controller?.abort(error instanceof Error ? error : new Error(String(error)));
			};
			const onAbort = () => fail(signal.reason);
			const timer = setTimeout(() => fail(timeoutError(this.#url, this.#timeoutMs)), this.#timeoutMs);
			if (signal.aborted) {
				fail(signal.reason);
				return;
			}
			signal.addEventListener("abort", onAbort, { once: true });
			const collector = new ReplyCollector(request);
			this.#pool.dispatch(
				{
					method: "POST",
					path: `${this.#prefix}/v1/chat/completions${request.query}`,
					headers: request.headers,
					body: Buffer.concat(request.chunks, request.byteLength),
				},
				{
					onRequestStart: (started) => {
						controller = started;
						if (settled) started.abort(new Error("cancelled before it was sent"));
					},
					onResponseStart: (_controller, status, headers) => {
						this.#guard(fail, () => collector.start(status, headers));
					},
					onResponseData: (_controller, chunk) => {
						if (!settled) this.#guard(fail, () => collector.push(chunk));
					},
					onResponseEnd: () => {
						this.#guard(fail, () => {
							const result = collector.end();
							settle(() => resolve(result));
						});
					},
					onResponseError: (_controller, error) => {
						const elapsedMs = performance.now() - startedMs;
						settle(() => reject(transportError(error, this.#url, elapsedMs)));
					},
				},
			);
		});
	}

	/** Relays one request, bytes untouched both ways. Throws as `chat` does. */
	passThrough(request: PassThroughRequest): Promise<PassThroughReply> {
		return this.#breaker.guard(() => this.#relay(request));
	}

	async #relay(request: PassThroughRequest): Promise<PassThroughReply> {
		const startedMs = performance.now();
		try {
			const reply = await this.#pool.request({
				method: request.method as Dispatcher.HttpMethod,
				path: this.#prefix + request.path,
				headers: upstreamHeaders(request.rawHeaders, request),
				body: request.hasBody ? request.body : null,
				signal: request.signal,
			});
			return { status: reply.statusCode, headers: clientHeaders(reply.headers), body: reply.body };
		} catch (error) {
			if (request.signal.aborted) throw request.signal.reason;
			throw transportError(error, this.#url, performance.now() - startedMs);
		}
	}

	async close(): Promise<void> {
		await this.#pool.destroy();
	}

	#guard(fail: (error: unknown) => void, act: () => void): void {
		try {
			act();
		} catch (error) {
			fail(
				error instanceof ReplySyntaxError || error instanceof SyntaxError
					? invalidReply("it is not strict JSON", error)
					: error,
			);
		}
	}
}

/** Collects one reply: a 200 through the scanner, anything else as bytes. */
class ReplyCollector {
	readonly #expected: ReplyExpectation;
	#status = 0;
	#headers: ReadonlyArray<readonly [string, string]> = [];
	#scanner: ReplyScanner | null = null;
	readonly #body: Buffer[] = [];
	#length = 0;

	constructor(expected: ReplyExpectation) {
		this.#expected = expected;
	}

	start(status: number, headers: Readonly<Record<string, string | string[] | undefined>>): void {
		this.#status = status;
		this.#headers = clientHeaders(headers);
		const encoding = headers["content-encoding"];
		if (encoding !== undefined && encoding !== "identity") {
			throw invalidReply(`it is encoded as ${String(encoding)} although identity was asked for`);
		}
		if (status !== 200) return;
		// The first piece is the stored prefix, and nearly all of a long prompt.
		this.#scanner = new ReplyScanner(this.#expected.inputIdsText.find((piece) => piece.length > 0));
	}

	push(chunk: Buffer): void {
		this.#length += chunk.length;
		if (this.#scanner !== null) {
			this.#scanner.push(chunk);
			return;
		}
		if (this.#length > MAX_REFUSAL_BYTES)
			throw invalidReply(`status ${this.#status} with ${this.#length} bytes or more`);
		this.#body.push(chunk);
	}

	end(): EngineChatResult {
		if (this.#scanner === null) {
			const body = Buffer.concat(this.#body, this.#length);
			return { kind: "refused", refusal: { status: this.#status, headers: this.#headers, body } };
		}
		const startedMs = performance.now();
		const validated = validateReply(this.#scanner.end(), this.#expected);
		const headers = this.#headers.some(([name]) => name === "content-type")
			? this.#headers
			: [...this.#headers, ["content-type", "application/json"] as const];
		return {
			kind: "generated",
			generation: { ...validated, headers, validateMs: performance.now() - startedMs },
		};
	}
}
