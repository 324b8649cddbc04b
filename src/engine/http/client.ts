// Owns the connections to one engine: chat requests whose replies are validated, and the untouched pass-through.
import { Pool } from "undici";
import type { CancelSignal } from "../../base/cancellation.js";
import { RollpinError } from "../../base/errors.js";
import type { EngineDialect, EngineRefusal, Generation, ReplyExpectation } from "../engine.js";
import { invalidReply } from "../invalid-reply.js";
import { KnownPayload } from "../scan/known-payload.js";
import type { PayloadCursor } from "../scan/payload-cursor.js";
import { AbortRequests } from "./abort-requests.js";
import { Breaker, type BreakerListener } from "./breaker.js";
import { exchange } from "./exchange.js";
import { clientHeaders, headerValue } from "./headers.js";
import { openPassThrough, type PassThroughReply, type PassThroughRequest } from "./pass-through.js";
import { reusedReadsConnector } from "./reused-reads.js";

export interface EngineClientOptions {
	/** Base URL; a path in it is kept in front of every path. */
	baseUrl: string;
	/** The kind of engine that answers there. */
	dialect: EngineDialect;
	/** For a whole reply, from the call to its last byte. */
	timeoutMs: number;
	/** Told when the breaker opens and closes; for the log. */
	breaker?: BreakerListener;
	/** Default 10 s. */
	connectTimeoutMs?: number;
	/** Bound on a reply whose status is not 200. Default 16 MiB. */
	maxRefusalBytes?: number;
	/** Bound on any chat reply, asked for with each chat: a reload changes it. Default 4 GiB. */
	maxReplyBytes?: () => number;
}

interface EngineChatRequest extends ReplyExpectation {
	/** The body, in order. */
	chunks: readonly Buffer[];
	byteLength: number;
	/** What is cancelled is told to the engine under this name, which the body has too. */
	attemptId: string;
	/** Flat list of names and values (see headers.ts). */
	headers: string[];
	/** With its question mark, or empty. */
	query: string;
	/** Cancels the request: its connection is destroyed at once, and `chat` rejects with the signal's reason. */
	signal: CancelSignal;
	/** Told of the reply's bytes that are held, as they arrive; for those who account for them. */
	onReplyBytes?: (bytes: number) => void;
	/** Payloads that those of the reply are likely to begin as, in their order; what they share is not held. Closed by `chat`. */
	knownPayloads?: readonly PayloadCursor[];
}

export type EngineChatResult =
	| { kind: "generated"; generation: Generation }
	| { kind: "refused"; refusal: EngineRefusal };

/**
 * undici closes an idle connection after this. It must be shorter than the engine's own keep-alive (uvicorn: 5 s), so
 * that we do not write into a connection that is being closed.
 */
const KEEP_ALIVE_MS = 4_000;

export class EngineClient {
	/** As it was given: for messages, the log and questions beside the chats. */
	readonly url: string;
	readonly dialect: EngineDialect;
	readonly #pool: Pool;
	/** The pass-through keeps what it reads until its client has read it, so it reads into buffers of its own. */
	readonly #passThroughPool: Pool;
	readonly #aborts: AbortRequests;
	readonly #basePath: string;
	readonly #timeoutMs: number;
	readonly #maxRefusalBytes: number;
	readonly #maxReplyBytes: () => number;
	readonly #breaker: Breaker;
	readonly #running = new Set<EngineChatRequest>();

	constructor(options: EngineClientOptions) {
		const url = new URL(options.baseUrl);
		this.url = options.baseUrl;
		this.dialect = options.dialect;
		this.#basePath = url.pathname === "/" ? "" : url.pathname.replace(/\/+$/, "");
		this.#aborts = new AbortRequests(url.origin, this.#basePath, options.dialect);
		this.#timeoutMs = options.timeoutMs;
		this.#maxRefusalBytes = options.maxRefusalBytes ?? 16 * 1024 * 1024;
		this.#maxReplyBytes = options.maxReplyBytes ?? (() => 4 * 1024 ** 3);
		this.#breaker = new Breaker(options.baseUrl, options.breaker);
		const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
		const settings: Pool.Options = {
			pipelining: 1,
			allowH2: false,
			keepAliveTimeout: KEEP_ALIVE_MS,
			keepAliveMaxTimeout: KEEP_ALIVE_MS,
			headersTimeout: options.timeoutMs,
			bodyTimeout: options.timeoutMs,
		};
		this.#pool = new Pool(url.origin, { ...settings, connect: reusedReadsConnector(connectTimeoutMs) });
		this.#passThroughPool = new Pool(url.origin, { ...settings, connect: { timeout: connectTimeoutMs } });
	}

	/** As the last exchanges found it. */
	get unreachable(): boolean {
		return this.#breaker.open;
	}

	/** A chat would be refused now without asking the engine. */
	get refuses(): boolean {
		return this.#breaker.refuses;
	}

	/**
	 * Asks an unreachable engine what it is, where its breaker would let a chat try it: with no chats nobody else would ever find
	 * that it is back. Never rejects.
	 */
	async lookWhetherBack(): Promise<void> {
		if (!this.unreachable || this.refuses) return;
		await this.#breaker
			.guard(async () => {
				const identity = await this.dialect.identify(this.url);
				if (identity.kind === "answered") return;
				// As of a chat: silence says nothing of the way to the engine.
				if (identity.code === "TIMEOUT") throw new Error("the engine kept silent");
				throw new RollpinError("upstream_unreachable", identity.code);
			})
			.catch(() => undefined);
	}

	/**
	 * One chat completion. Status 200 is validated; any other status is the engine's own answer (a redirect too).
	 * @throws RollpinError `upstream_unreachable`, `upstream_invalid`, `upstream_timeout`,
	 * `upstream_breaker_open`; the signal's reason
	 */
	async chat(request: EngineChatRequest): Promise<EngineChatResult> {
		this.#running.add(request);
		const known = request.knownPayloads?.map((cursor) => new KnownPayload(cursor)) ?? [];
		try {
			return await this.#breaker.guard(() => this.#chat(request, known));
		} finally {
			this.#running.delete(request);
			// Where nothing was sent, nobody else closes their cursors.
			for (const payload of known) payload.stop();
		}
	}

	async #chat(request: EngineChatRequest, knownPayloads: readonly KnownPayload[]): Promise<EngineChatResult> {
		const reply = await exchange(this.#pool, {
			path: `${this.#basePath}${this.dialect.chatPath}${request.query}`,
			headers: request.headers,
			chunks: request.chunks,
			byteLength: request.byteLength,
			timeoutMs: this.#timeoutMs,
			maxRefusalBytes: this.#maxRefusalBytes,
			maxReplyBytes: this.#maxReplyBytes(),
			signal: request.signal,
			onCancelled: () => this.#aborts.send(request.attemptId, request.headers),
			onReplyBytes: request.onReplyBytes,
			sites: this.dialect.sites,
			knownPayloads,
			sentIds: request.inputIdsText,
		});
		const headers = clientHeaders(reply.headers);
		if (reply.scanned === undefined) {
			// No client reads such a status as an answer.
			if (reply.status > 599) throw invalidReply(`its status is ${reply.status}`);
			const body = reply.body ?? Buffer.alloc(0);
			// The bytes go on as they are: without this header an encoded text would be garbage.
			const encoding = headerValue(reply.headers, "content-encoding");
			if (encoding !== undefined) headers.push(["content-encoding", encoding]);
			return { kind: "refused", refusal: { status: reply.status, headers, body } };
		}
		if (!headers.some(([name]) => name === "content-type"))
			headers.push(["content-type", "application/json"]);
		const startedMs = performance.now();
		const read = this.dialect.readReply(reply.scanned, request);
		return { kind: "generated", generation: { ...read, headers, validateMs: performance.now() - startedMs } };
	}

	/**
	 * Relays one request, bytes untouched both ways.
	 * @throws as `chat` does while no reply has begun; afterwards the body fails with the same errors
	 */
	passThrough(request: PassThroughRequest): Promise<PassThroughReply> {
		const below = { ...request, path: this.#basePath + request.path };
		return this.#breaker.guard(() => openPassThrough(this.#passThroughPool, below, this.#timeoutMs));
	}

	/** Cancels what runs, tells the engine so, and closes every connection. */
	async close(): Promise<void> {
		for (const { attemptId, headers } of this.#running) this.#aborts.send(attemptId, headers);
		await Promise.all([this.#pool.destroy(), this.#passThroughPool.destroy()]);
		await this.#aborts.close();
	}
}
