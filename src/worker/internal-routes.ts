// What the sandbox process asks of a worker. The router relays none of these paths.
import type { IncomingMessage, ServerResponse } from "node:http";
import { RollpinError } from "../base/errors.js";
import type { StoredSandboxEnd } from "../store/store.js";
import type { WorkerContext } from "./context.js";
import { readBody } from "./read-body.js";
import { sendError, sendJson } from "./respond.js";
import { bindSandbox, noteSandboxEnd } from "./sandbox-binding.js";
import { ownedId } from "./session-routes.js";

export const INTERNAL = "/internal/";
const PATH = /^\/internal\/sessions\/([^/]+)\/sandbox$/;
const MAX_BYTES = 64 * 1024;

/** Never rejects. */
export async function answerInternal(
	context: WorkerContext,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	try {
		const id = ownedId(context, PATH.exec(request.url ?? "")?.[1] ?? "");
		const body = JSON.parse((await readBody(request, MAX_BYTES, () => {})).toString()) as unknown;
		if (request.method === "POST") {
			const { sandbox_id } = body as { sandbox_id: string };
			const session = await context.registry.get(id);
			const done = context.registry.use(session);
			try {
				sendJson(response, 200, JSON.stringify(await bindSandbox(context, session, sandbox_id)));
			} finally {
				done();
			}
		} else if (request.method === "PUT") {
			await noteSandboxEnd(context, id, body as StoredSandboxEnd);
			sendJson(response, 200, "{}");
		} else throw new RollpinError("method_not_allowed", `${request.method} is not allowed here`);
	} catch (error) {
		sendError(request, response, error, context);
	}
}
