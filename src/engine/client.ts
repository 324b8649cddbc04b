// Owns the connections to one engine: chat requests whose replies are validated, and the untouched pass-through.
import type { Readable } from "node:stream";
import { Pool } from "undici";
import { RollpinError } from "../base/errors.js";
import type { EngineRefusal, Generation } from "./engine.js";
import { exchange } from "./exchange.js";
import { replyHeaders } from "./headers.js";
import { openPassThrough, type PassThroughReply, type PassThroughRequest } from "./pass-through.js";
import { readGeneration } from "./reply.js";

export interface EngineClientOptions {
	/** Base URL without a trailing slash; a path in it is kept. */
	upstream: string;
	/** Whole reply, and the longest silence. */
	timeoutMs: number;
	/** Default 10 s. */
	connectTimeoutMs?: number;
	/** Connections at most; a request beyond them waits. Default: no bound, admission is the worker's. */
	connections?: number;
	/** Default 16 MiB. */
	maxRefusalBytes?: number;
	/** Default 4 GiB. */
	maxReplyBytes?: number;
}

export interface ChatRequest {
	/** The body, in order (see request-body.ts). */
	chunks: readonly Buffer[];
	byteLength: number;
	/** Text of the ids in it; the engine's prompt_token_ids, if it sends them, must be the same. */
	inputIds: readonly Buffer[];
	/** Flat list (see headers.ts). */
	headers: string[];
	/** The client's query string with its question mark, or "". */
	query: string;
	/** Every sampled id must be below it. */
	vocabSize: number;
	/** Cancels the request: its connection is destroyed at once, and `chat` rejects with the signal's reason. */
	signal?: AbortSignal;
}

export type ChatOutcome = { elapsedMs: number; replyBytes: number } & (
	| { kind: "generation"; generation: Generation }
	| { kind: "refusal"; refusal: EngineRefusal }
);

/**
 * undici closes an idle connection after this. It must be shorter than the engine's own keep-alive (uvicorn: 5 s), so
 * that we do not write into a connection that is being closed.
 */
const KEEP_ALIVE_MS = 4_000;

export class EngineClient {
	readonly #pool: Pool;
	readonly #basePath: string;
	readonly #timeoutMs: number;
	readonly #maxRefusalBytes: number;
	readonly #maxReplyBytes: number;

	constructor(options: EngineClientOptions) {
		const url = new URL(options.upstream);
		this.#basePath = url.pathname === "/" ? "" : url.pathname.replace(/\/+$/, "");
		this.#timeoutMs = options.timeoutMs;
		this.#maxRefusalBytes = options.maxRefusalBytes ?? 16 * 1024 * 1024;
		this.#maxReplyBytes = options.maxReplyBytes ?? 4 * 1024 ** 3;
		this.#pool = new Pool(url.origin, {
			connections: options.connections ?? null,
			pipelining: 1,
			allowH2: false,
			keepAliveTimeout: KEEP_ALIVE_MS,
			headersTimeout: options.timeoutMs,
			bodyTimeout: options.timeoutMs,
			connect: { timeout: options.connectTimeoutMs ?? 10_000 },
		});
	}

	/**
	 * One chat completion. Status 200 is validated; any other status is the engine's own answer (a redirect too).
	 * @throws EngineTransportError when there is no complete answer; RollpinError `upstream_invalid` when it is unusable;
	 *   the signal's reason when it was cancelled
	 */
	async chat(request: ChatRequest): Promise<ChatOutcome> {
		const reply = await exchange(this.#pool, {
			path: `${this.#basePath}/v1/chat/completions${request.query}`,
			headers: request.headers,
			chunks: request.chunks,
			byteLength: request.byteLength,
			timeoutMs: this.#timeoutMs,
			maxRefusalBytes: this.#maxRefusalBytes,
			maxReplyBytes: this.#maxReplyBytes,
			signal: request.signal,
		});
		const facts = { elapsedMs: reply.elapsedMs, replyBytes: reply.byteLength };
		const headers = replyHeaders(reply.headers, reply.scanned === undefined);
		if (reply.scanned === undefined) {
			const body = reply.body ?? Buffer.alloc(0);
			// Its length is what we hold; a 204 and a 304 have none at all.
			const kept = headers.filter(([name]) => name !== "content-length");
			return { ...facts, kind: "refusal", refusal: { status: reply.status, headers: kept, body } };
		}
		const generation = readGeneration(reply.scanned, {
			vocabSize: request.vocabSize,
			inputIds: request.inputIds,
			headers,
		});
		return { ...facts, kind: "generation", generation };
	}

	/**
	 * Sends a request on with its body untouched and hands back the reply as it streams in.
	 * @throws EngineTransportError when no reply begins; afterwards the body fails with one
	 */
	passThrough(request: PassThroughRequest): Promise<PassThroughReply> {
		if (!request.path.startsWith("/"))
			throw new RollpinError("invalid_request", "a path begins with a slash");
		return openPassThrough(this.#pool, { ...request, path: this.#basePath + request.path }, this.#timeoutMs);
	}

	/** Whether the engine answers GET `path` at all, and with which status. */
	async probe(path: string, timeoutMs: number): Promise<number> {
		const reply = await openPassThrough(
			this.#pool,
			{ method: "GET", path: this.#basePath + path, headers: [], body: null },
			timeoutMs,
		);
		discard(reply.body);
		return reply.status;
	}

	/** Cancels what runs and closes every connection. */
	async close(): Promise<void> {
		await this.#pool.destroy();
	}
}

function discard(body: Readable): void {
	body.on("error", () => undefined);
	body.resume();
}

/** A client for one engine; opens no connection before the first request. */
export function createEngineClient(options: EngineClientOptions): EngineClient {
	return new EngineClient(options);
}
