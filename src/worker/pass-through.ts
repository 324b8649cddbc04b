// Relays the allowed paths below a session to the engine, bytes untouched both ways. Records nothing.
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import type { SessionId } from "../base/ids.js";
import { ClientGone } from "./client-gone.js";
import type { WorkerContext } from "./context.js";
import { outcomeOfError, outcomeOfStatus } from "./engine-tally.js";

export async function passThrough(
	context: WorkerContext,
	id: SessionId,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const session = await context.registry.find(id);
	const done = session === undefined ? () => {} : context.registry.use(session);
	const gone = new AbortController();
	const onClose = () => {
		if (!response.writableFinished) gone.abort(new ClientGone());
	};
	response.once("close", onClose);
	const { client, tally } = context.engines.of(id);
	try {
		const reply = await client
			.passThrough({
				method: request.method ?? "GET",
				path: (request.url ?? "").slice(`/sessions/${id}`.length),
				rawHeaders: request.rawHeaders,
				routingKey: id,
				forwardAuthorization: context.config.forwardAuthorization,
				body: request,
				hasBody:
					request.headers["content-length"] !== undefined ||
					request.headers["transfer-encoding"] !== undefined,
				signal: gone.signal,
			})
			.catch((error: unknown) => {
				tally.count(context.metrics, outcomeOfError(error));
				throw error;
			});
		tally.count(context.metrics, outcomeOfStatus(reply.status));
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
