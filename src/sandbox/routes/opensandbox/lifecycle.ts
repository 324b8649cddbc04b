// Sandboxes for OpenSandbox's clients: made, found, listed, their end moved, ended. Owns no rule of sandboxes.
import { RollpinError } from "../../../base/errors.js";
import { sendJson } from "../answers.js";
import type { NativeCall, NativeParts } from "../native.js";
import { readObject } from "../read-request.js";
import { sandboxJson, timeText } from "./answers.js";
import { createRequest, listRequest, refusal, renewedEndMs } from "./bodies.js";

/** Where their clients look for commands and files, and for the network's rules, which no sandbox here has. */
export const EXECD_PORT = "44772";
const EGRESS_PORT = "18080";

export async function createSandbox(
	{ maxBodyBytes, sandboxes, settings }: NativeParts,
	{ left, request, response }: NativeCall,
): Promise<void> {
	const asked = createRequest(await readObject(request, maxBodyBytes), settings);
	const record = await sandboxes.create(asked, { key: null, fingerprint: "" });
	// Nobody was told of it, so nobody would end it.
	if (left.aborted) await sandboxes.remove(record.id, "deleted");
	else sendJson(response, 202, sandboxJson(record));
}

export function readSandbox({ sandboxes }: NativeParts, { response }: NativeCall, id: string): void {
	sendJson(response, 200, sandboxJson(sandboxes.get(id)));
}

export function listSandboxes({ sandboxes }: NativeParts, { query, response }: NativeCall): void {
	const { labels, page, pageSize, states } = listRequest(query);
	const found =
		states === null
			? sandboxes.list({ labels, sessionId: null, state: null })
			: [...states].flatMap((state) => sandboxes.list({ labels, sessionId: null, state }));
	const totalPages = Math.ceil(found.length / pageSize);
	sendJson(response, 200, {
		items: found.slice((page - 1) * pageSize, page * pageSize).map(sandboxJson),
		pagination: { page, pageSize, totalItems: found.length, totalPages, hasNextPage: page < totalPages },
	});
}

export async function renew(
	{ maxBodyBytes, sandboxes }: NativeParts,
	{ request, response }: NativeCall,
	id: string,
): Promise<void> {
	const atMs = renewedEndMs(await readObject(request, maxBodyBytes));
	const nowMs = Date.now();
	if (atMs <= nowMs) throw refusal("expiresAt", "must be later than now; DELETE ends a sandbox at once");
	const { ceilingMs } = sandboxes.get(id);
	if (atMs > ceilingMs)
		throw refusal(
			"expiresAt",
			`is beyond ${timeText(ceilingMs)}, which is --max-sandbox-ttl after it was made`,
		);
	const { deadlineMs } = await sandboxes.extend(id, (atMs - nowMs) / 1000);
	sendJson(response, 200, { expiresAt: timeText(deadlineMs) });
}

/** Of this server, as the client called it: `proxy` answers there. */
export function readEndpoint(
	{ sandboxes }: NativeParts,
	{ query, request, response }: NativeCall,
	id: string,
	port: string,
): void {
	sandboxes.get(id);
	if (port !== EXECD_PORT && port !== EGRESS_PORT) {
		throw refusal("port", `${port} of a sandbox cannot be reached from outside; its commands and files can`);
	}
	if (query.get("use_server_proxy")?.toLowerCase() !== "true") {
		throw refusal("use_server_proxy", "must be true: a sandbox here is reached through this server only");
	}
	if (query.has("expires"))
		throw refusal("expires", "asks for a signed address, which is not to be had here");
	const { host } = request.headers;
	if (host === undefined) throw new RollpinError("invalid_request", "the request has no Host header");
	sendJson(response, 200, { endpoint: `${host}/v1/sandboxes/${id}/proxy/${port}` });
}
