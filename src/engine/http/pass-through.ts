// Owns the streaming of one request and its reply between client and engine, bytes untouched, with backpressure.
import { PassThrough, pipeline, type Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { clientHeaders, headerValue, rawHeaderList, upstreamHeaders } from "./headers.js";
import { deadlineError, transportError } from "./transport-errors.js";

export interface PassThroughRequest {
	method: string;
	/** Path below the engine's base with the client's query, as it is to be sent. */
	path: string;
	/** The client's headers as a flat list. */
	rawHeaders: readonly string[];
	routingKey: string;
	forwardAuthorization: boolean;
	body: Readable;
	hasBody: boolean;
	/** Cancels both ways at once; the promise or the body fails with its reason. */
	signal: AbortSignal;
}

export interface PassThroughReply {
	status: number;
	/** Lower-case names; content-length and content-encoding are the engine's and still true. */
	headers: ReadonlyArray<readonly [string, string]>;
	/** Fails with a RollpinError when the engine stops in the middle. Destroy it to cancel. */
	body: Readable;
}

/** @throws RollpinError `upstream_...` when no reply begins; the signal's reason when cancelled before that */
export async function openPassThrough(
	dispatcher: Dispatcher,
	request: PassThroughRequest,
	timeoutMs: number,
): Promise<PassThroughReply> {
	const startedAt = performance.now();
	const elapsedMs = (): number => performance.now() - startedAt;
	const ours = new AbortController();
	const timer = setTimeout(() => ours.abort(deadlineError(timeoutMs, elapsedMs())), timeoutMs);
	const onAbort = (): void => ours.abort(request.signal.reason);
	if (request.signal.aborted) onAbort();
	request.signal.addEventListener("abort", onAbort, { once: true });
	const done = (): void => {
		clearTimeout(timer);
		request.signal.removeEventListener("abort", onAbort);
	};
	const failure = (error: unknown): unknown => {
		if (ours.signal.aborted) return ours.signal.reason;
		return transportError(error, elapsedMs());
	};
	try {
		const headers = upstreamHeaders(request.rawHeaders, request);
		// A declared length stays declared; without one the body goes out chunked, as it came.
		const length = request.hasBody ? headerValue(request.rawHeaders, "content-length") : undefined;
		if (length !== undefined) headers.push("content-length", length);
		const reply = await dispatcher.request({
			method: request.method as Dispatcher.HttpMethod,
			path: request.path,
			headers,
			body: request.hasBody ? request.body : null,
			signal: ours.signal,
			responseHeaders: "raw",
		});
		const body = new PassThrough({
			destroy(error, callback) {
				callback(error === null ? null : (failure(error) as Error));
			},
		});
		pipeline(reply.body, body, done);
		return { status: reply.statusCode, headers: clientHeaders(rawHeaderList(reply.headers), true), body };
	} catch (error) {
		done();
		throw failure(error);
	}
}
