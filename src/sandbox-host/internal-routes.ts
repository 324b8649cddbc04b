// What a session's worker asks of the sandbox process. The router relays none of these paths.
import type { IncomingMessage, ServerResponse } from "node:http";
import { errorBody, RollpinError } from "../base/errors.js";
import type { SandboxRecord } from "../sandbox/record.js";
import { sandboxJson, sendError, sendJson } from "../sandbox/routes/answers.js";
import { createRequest } from "../sandbox/routes/bodies.js";
import { Fields, readObject } from "../sandbox/routes/read-request.js";
import type { Sandboxes } from "../sandbox/sandboxes.js";
import type { BoundSandboxes } from "./bound.js";

export const INTERNAL = "/internal/";
const PATH = /^\/internal\/bound(?:\/(sbx-[0-9a-f]{32}))?$/;

interface InternalParts {
	sandboxes: Sandboxes;
	bound: BoundSandboxes;
	maxBodyBytes: number;
}

/** Never rejects. */
export async function answerInternal(
	parts: InternalParts,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	try {
		const [path, id] = PATH.exec(request.url ?? "") ?? [];
		if (path === undefined) throw new RollpinError("not_found", "no such path");
		if (id === undefined) sendJson(response, 200, list(parts.sandboxes));
		else if (request.method === "DELETE") {
			await parts.sandboxes.removeBound(id);
			sendJson(response, 200, {});
		} else sendJson(response, 200, sandboxJson(await make(parts, id, request)));
	} catch (error) {
		sendError(request, response, error, errorBody);
	}
}

function list(sandboxes: Sandboxes): Array<{ sandbox_id: string; session_id: string | null }> {
	return sandboxes
		.list({ labels: [], sessionId: null, state: null })
		.filter(({ sessionId }) => sessionId !== null)
		.map(({ id, sessionId }) => ({ sandbox_id: id, session_id: sessionId }));
}

async function make(
	{ bound, maxBodyBytes }: InternalParts,
	id: string,
	request: IncomingMessage,
): Promise<SandboxRecord> {
	const fields = await readObject(request, maxBodyBytes);
	const asked = fields.value("request");
	const sessionId = fields.text("session_id") ?? "";
	if (asked === null) return await bound.make(id, sessionId, null);
	const own = createRequest(new Fields(asked as Record<string, unknown>, "sandbox."));
	if (own.sessionId !== null && own.sessionId !== sessionId) {
		throw new RollpinError("invalid_request", "sandbox.session_id is another session's", {
			param: "sandbox.session_id",
		});
	}
	return await bound.make(id, sessionId, own);
}
