// Relays allow-listed paths below a session to the engine, bytes untouched both ways. Records nothing.
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { RollpinError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { ClientGone } from "./client-gone.js";
import type { WorkerContext } from "./context.js";

export async function passThrough(
	context: WorkerContext,
	id: SessionId,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const target = (request.url ?? "").slice(`/sessions/${id}`.length);
	const path = target.split("?", 1)[0] ?? "";
	const fault = pathFault(request.method ?? "", path, context.config.passThroughPaths);
	if (fault !== null) throw new RollpinError("path_not_allowed", fault);
	const session = await context.registry.find(id);
	const done = session === undefined ? () => {} : context.registry.use(session);
	const gone = new AbortController();
	const onClose = () => {
		if (!response.writableFinished) gone.abort(new ClientGone());
	};
	response.once("close", onClose);
	try {
		const reply = await context.engine.passThrough({
			method: request.method ?? "GET",
			path: target,
			rawHeaders: request.rawHeaders,
			routingKey: id,
			forwardAuthorization: context.config.forwardAuthorization,
			body: request,
			hasBody:
				request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined,
			signal: gone.signal,
		});
		response.statusCode = reply.status;
		for (const [name, value] of reply.headers) response.setHeader(name, value);
		await pipeline(reply.body, response);
	} catch (error) {
		if (gone.signal.aborted) response.destroy();
		else throw error;
	} finally {
		response.off("close", onClose);
		done();
	}
}

/** Below a session they would be turns that no record has. */
const GENERATIONS: ReadonlySet<string> = new Set(["/v1/completions", "/generate"]);

/** Why a path is not passed through; null when it is. */
function pathFault(method: string, path: string, allowed: readonly string[]): string | null {
	if (allowed.includes(path)) return null;
	const model = /^\/v1\/models\/./.test(path) && allowed.includes("/v1/models");
	if (model && (method === "GET" || method === "HEAD")) return null;
	if (model) return `${path} takes GET and HEAD`;
	if (path.replace(/\/+$/, "") === "/chat/completions")
		return `${path} lacks /v1: an agent's base URL is /sessions/{id}/v1`;
	if (GENERATIONS.has(path)) {
		return `${path} would be a generation that is in no record; send chats to /v1/chat/completions, or allow it with --pass-through ${[...allowed, path].join(",")}`;
	}
	return `${path} is not passed through; allowed are ${allowed.join(", ")} (--pass-through)`;
}
