// Owns the streaming of one request and its reply between client and engine, bytes untouched, with backpressure.
import { PassThrough, pipeline, type Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { rawHeaderList, replyHeaders } from "./headers.js";
import { deadlineError, EngineTransportError, transportError } from "./transport-error.js";

export interface PassThroughRequest {
	method: string;
	/** Path below the engine's base with the client's query, as it is to be sent. */
	path: string;
	/** Flat list (see headers.ts). */
	headers: string[];
	/** Null: a request without a body. */
	body: Readable | null;
	/** The client's declared length; unknown lengths are sent chunked. */
	contentLength?: number;
	/** Cancels both ways at once; the promise or the body fails with its reason. */
	signal?: AbortSignal;
}

export interface PassThroughReply {
	status: number;
	/** Lower-case names; content-length and content-encoding are the engine's and still true. */
	headers: ReadonlyArray<readonly [string, string]>;
	/** Fails with an EngineTransportError when the engine stops in the middle. Destroy it to cancel. */
	body: Readable;
}

/** @throws EngineTransportError when no reply begins; the signal's reason when cancelled before that */
export async function openPassThrough(
	dispatcher: Dispatcher,
	request: PassThroughRequest,
	timeoutMs: number,
): Promise<PassThroughReply> {
	const startedAt = performance.now();
	const elapsedMs = (): number => performance.now() - startedAt;
	const ours = new AbortController();
	const timer = setTimeout(() => ours.abort(deadlineError(timeoutMs, elapsedMs())), timeoutMs);
	const onAbort = (): void => ours.abort(request.signal?.reason);
	if (request.signal?.aborted === true) onAbort();
	request.signal?.addEventListener("abort", onAbort, { once: true });
	const done = (): void => {
		clearTimeout(timer);
		request.signal?.removeEventListener("abort", onAbort);
	};
	const failure = (error: unknown): unknown => {
		if (ours.signal.aborted) return ours.signal.reason;
		return error instanceof EngineTransportError ? error : transportError(error, elapsedMs());
	};
	try {
		const headers = [...request.headers];
		if (request.contentLength !== undefined) headers.push("content-length", String(request.contentLength));
		const reply = await dispatcher.request({
			method: request.method as Dispatcher.HttpMethod,
			path: request.path,
			headers,
			body: request.body,
			signal: ours.signal,
			responseHeaders: "raw",
		});
		const body = new PassThrough({
			destroy(error, callback) {
				callback(error === null ? null : (failure(error) as Error));
			},
		});
		pipeline(reply.body, body, done);
		return { status: reply.statusCode, headers: replyHeaders(rawHeaderList(reply.headers), true), body };
	} catch (error) {
		done();
		throw failure(error);
	}
}
