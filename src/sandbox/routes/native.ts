// The native routes: each reads its request, asks the core, and writes one answer. Owns no rule of sandboxes.
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { RollpinError } from "../../base/errors.js";
import type { SandboxRecord } from "../record.js";
import type { SandboxRequest, SandboxSettings } from "../request.js";
import type { CreateOptions, Sandboxes, SandboxFilter } from "../sandboxes.js";
import {
	backgroundJson,
	bufferedJson,
	ExecStream,
	sandboxJson,
	sendJson,
	sendNothing,
	writable,
} from "./answers.js";
import { createRequest, execRequest, ttlOf, workspacePath } from "./bodies.js";
import { parseObject, readBody, readObject } from "./read-request.js";

/** Makes a session's sandbox: its worker stores first that the session owes it. */
export type Bind = (
	sessionId: string,
	request: SandboxRequest,
	options: CreateOptions,
) => Promise<SandboxRecord>;

export interface NativeParts {
	sandboxes: Sandboxes;
	settings: SandboxSettings;
	maxBodyBytes: number;
	bind: Bind;
}

export interface NativeCall {
	request: IncomingMessage;
	response: ServerResponse;
	query: URLSearchParams;
	/** Fires when the client leaves before its answer. */
	left: AbortSignal;
}

const TAR = "application/x-tar";
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
const STATES = ["creating", "running", "ended"] as const;

/** @param sessionId of the path, if it is a session's; the body may have it, too */
export async function createSandbox(
	{ bind, maxBodyBytes, sandboxes }: NativeParts,
	{ request, response }: NativeCall,
	sessionId: string | null,
): Promise<void> {
	const body = await readBody(request, maxBodyBytes);
	const asked = createRequest(parseObject(body));
	const key = idempotencyKey(request);
	if (sessionId !== null && asked.sessionId !== null && asked.sessionId !== sessionId) {
		throw new RollpinError("invalid_request", "session_id is another one than the path's", {
			param: "session_id",
		});
	}
	const owner = sessionId ?? asked.sessionId;
	const options = { key, fingerprint: fingerprintOf(owner, body) };
	const record = owner === null ? await sandboxes.create(asked, options) : await bind(owner, asked, options);
	sendJson(response, 201, sandboxJson(record));
}

export function readSandbox({ sandboxes }: NativeParts, { response }: NativeCall, id: string): void {
	sendJson(response, 200, sandboxJson(sandboxes.get(id)));
}

function fingerprintOf(sessionId: string | null, body: Buffer): string {
	return createHash("sha256")
		.update(`${sessionId ?? ""}\n`)
		.update(body)
		.digest("hex");
}

function idempotencyKey(request: IncomingMessage): string | null {
	const key = request.headers["idempotency-key"];
	if (key === undefined) return null;
	if (typeof key === "string" && /^[!-~]{1,256}$/.test(key)) return key;
	throw new RollpinError("invalid_request", "Idempotency-Key must be 1 to 256 visible ASCII characters", {
		param: "Idempotency-Key",
	});
}

export function listSandboxes({ sandboxes }: NativeParts, { query, response }: NativeCall): void {
	const limitText = query.get("limit") ?? String(DEFAULT_PAGE);
	const limit = Number(limitText);
	if (!/^\d+$/.test(limitText) || limit < 1 || limit > MAX_PAGE)
		throw badQuery("limit", `must be an integer from 1 to ${MAX_PAGE}`);
	const all = sandboxes.list(filterOf(query));
	const cursor = query.get("cursor");
	const cut = cursor === null ? null : /^(\d+(?:\.\d+)?)-(sbx-[0-9a-f]{32})$/.exec(cursor);
	if (cursor !== null && cut === null) throw badQuery("cursor", "must be the next_cursor of an earlier page");
	const rest = cut === null ? all : all.filter((record) => isAfter(record, Number(cut[1]), cut[2] as string));
	const page = rest.slice(0, limit);
	const last = page.at(-1);
	sendJson(response, 200, {
		sandboxes: page.map(sandboxJson),
		next_cursor: rest.length > limit && last !== undefined ? `${last.createdMs}-${last.id}` : null,
	});
}

/** In the order of a list: newest first. */
function isAfter({ createdMs, id }: SandboxRecord, cursorMs: number, cursorId: string): boolean {
	return createdMs < cursorMs || (createdMs === cursorMs && id < cursorId);
}

export async function deleteSandboxes(
	{ sandboxes }: NativeParts,
	{ query, response }: NativeCall,
): Promise<void> {
	const filter = filterOf(query);
	if (filter.labels.length === 0 && filter.sessionId === null)
		throw badQuery("label", "is missing: say which sandboxes are to end, as ?label=name=value");
	if (filter.state !== null) throw badQuery("state", "does nothing here: whatever has not ended is ended");
	sendJson(response, 200, { deleted: await sandboxes.removeWhere(filter) });
}

function filterOf(query: URLSearchParams): SandboxFilter {
	const labels = query.getAll("label").map((text) => {
		const at = text.indexOf("=");
		if (at < 1) throw badQuery("label", "must be name=value");
		return [text.slice(0, at), text.slice(at + 1)] as const;
	});
	const state = query.get("state");
	const found = STATES.find((each) => each === state);
	if (state !== null && found === undefined) throw badQuery("state", `must be one of ${STATES.join(", ")}`);
	return { labels, sessionId: query.get("session"), state: found ?? null };
}

export async function exec(parts: NativeParts, call: NativeCall, id: string): Promise<void> {
	const { sandboxes, settings, maxBodyBytes } = parts;
	const { left, request, response } = call;
	// Before the body: what has ended says so, whatever is asked of it.
	sandboxes.get(id);
	const asked = execRequest(await readObject(request, maxBodyBytes), settings);
	if (asked.background) {
		const { execId } = await sandboxes.commands.start(id, asked);
		sendJson(response, 202, { exec_id: execId });
		return;
	}
	if (!(request.headers.accept ?? "").includes("text/event-stream")) {
		sendJson(response, 200, bufferedJson(await sandboxes.commands.run(id, asked, left)));
		return;
	}
	sandboxes.get(id);
	const stream = new ExecStream(response);
	try {
		const output = (name: "stdout" | "stderr", bytes: Uint8Array) => stream.write(name, bytes);
		await stream.end(await sandboxes.commands.stream(id, asked, output, left));
	} catch (error) {
		stream.fail(error instanceof RollpinError ? error : new RollpinError("internal", "internal error"));
		if (!(error instanceof RollpinError)) throw error;
	}
}

export function readExec(
	{ sandboxes }: NativeParts,
	{ query, response }: NativeCall,
	id: string,
	execId: string,
): void {
	const text = query.get("offset") ?? "0";
	if (!/^\d{1,15}$/.test(text))
		throw badQuery("offset", "must be the next_offset of an earlier answer, or 0");
	sendJson(response, 200, backgroundJson(sandboxes.commands.background(id, execId), Number(text)));
}

export async function extend(
	{ maxBodyBytes, sandboxes }: NativeParts,
	{ request, response }: NativeCall,
	id: string,
): Promise<void> {
	const ttlS = ttlOf(await readObject(request, maxBodyBytes));
	const { deadlineMs } = await sandboxes.extend(id, ttlS);
	sendJson(response, 200, { expires_at: deadlineMs / 1000 });
}

export async function putFiles(
	{ maxBodyBytes, sandboxes }: NativeParts,
	{ query, request, response }: NativeCall,
	id: string,
): Promise<void> {
	sandboxes.get(id);
	if (request.headers["content-type"]?.split(";")[0]?.trim() === TAR) {
		if (query.has("path"))
			throw badQuery("path", "goes with one file; the names in a tar say where each goes");
		await sandboxes.putFiles(id, request);
	} else {
		const path = workspacePath(query.get("path"), "path");
		if (path === ".") throw badQuery("path", "must name a file");
		await sandboxes.putFile(id, path, await readBody(request, maxBodyBytes));
	}
	sendNothing(response);
}

export async function getFiles(
	{ maxBodyBytes, sandboxes }: NativeParts,
	{ query, request, response }: NativeCall,
	id: string,
): Promise<void> {
	const path = workspacePath(query.get("path"), "path");
	if (!(request.headers.accept ?? "").includes(TAR)) {
		const content = await sandboxes.getFile(id, path, maxBodyBytes);
		response.writeHead(200, {
			"content-type": "application/octet-stream",
			"content-length": content.length,
		});
		response.end(content);
		return;
	}
	for await (const bytes of sandboxes.getFiles(id, path)) {
		if (!response.headersSent) response.writeHead(200, { "content-type": TAR });
		if (response.destroyed) return;
		if (!response.write(bytes)) await writable(response);
	}
	response.end();
}

function badQuery(param: string, rule: string): RollpinError {
	return new RollpinError("invalid_request", `${param} ${rule}`, { param });
}
