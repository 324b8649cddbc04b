// Create, list, read, extend, cancel and delete. Each validates, asks the registry, and writes one answer.
import type { IncomingMessage, ServerResponse } from "node:http";
import { RollpinError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { isSessionId } from "../base/partitions.js";
import { invalidSessionId } from "../base/paths.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject } from "../json/value.js";
import type { PayloadChoice } from "../reads/records.js";
import { sessionChunks, whileOpen } from "../reads/session-json.js";
import { turnChunks } from "../reads/session-turns.js";
import type { Session } from "../session/life/session.js";
import { refuseOverrides } from "../wire/refused-fields.js";
import type { WorkerContext } from "./context.js";
import { parseCreateBody, parseExtendBody } from "./create-body.js";
import { readBody, requireJson } from "./read-body.js";
import { sendJson, sendWritten } from "./respond.js";
import { makeSandbox, requireSandboxes } from "./sandbox-binding.js";
import type { SandboxView } from "./sandbox-resource.js";
import { sessionFilter } from "./session-filter.js";
import { sessionsAfter } from "./session-page.js";

const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;
/** Create and extend carry no conversation. */
const MAX_SMALL_BODY_BYTES = 1024 * 1024;

/**
 * The id of a request, checked once more against the pinning rule: a session served by two workers would be two
 * histories under one name.
 */
export function ownedId(context: WorkerContext, text: string): SessionId {
	if (!isSessionId(text)) {
		throw invalidSessionId();
	}
	const owner = context.partitions.workerOf(text);
	if (owner !== context.index) {
		context.logger.event("misrouted", { session_id: text, owner });
		throw new RollpinError("internal", `session ${text} belongs to worker ${owner}, not to ${context.index}`);
	}
	return text;
}

export async function createSession(
	context: WorkerContext,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const id = ownedId(context, String(request.headers["x-rollpin-session-id"] ?? ""));
	const body = await readBody(request, MAX_SMALL_BODY_BYTES, () => {});
	requireJson(request, body);
	const options = parseCreateBody(body, context.config.maxSessionTtlS, context.config.limits.maxJsonDepth);
	if (options.overridesJson !== null)
		refuseOverrides(parseJson(options.overridesJson) as JsonObject, context.config);
	if (options.sandboxJson !== null) requireSandboxes(context);
	const session = await context.registry.create(id, options);
	const { meta } = session;
	const sandbox =
		options.sandboxJson === null ? null : await firstSandbox(context, session, options.sandboxJson);
	sendJson(
		response,
		200,
		JSON.stringify({
			session_id: id,
			created_at: meta.createdAt,
			expires_at: meta.expiresAt,
			worker: context.index,
			...(sandbox === null ? {} : { sandbox }),
		}),
	);
}

/** A session that was to have one and has none is no session. */
async function firstSandbox(
	context: WorkerContext,
	session: Session,
	sandboxJson: string,
): Promise<SandboxView> {
	const done = context.registry.use(session);
	try {
		return await makeSandbox(context, session, JSON.parse(sandboxJson));
	} catch (error) {
		await context.registry.delete(session.meta.id);
		throw error;
	} finally {
		done();
	}
}

export async function extendSession(
	context: WorkerContext,
	id: SessionId,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const body = await readBody(request, MAX_SMALL_BODY_BYTES, () => {});
	requireJson(request, body);
	const ttlS = parseExtendBody(body, context.config.maxSessionTtlS, context.config.limits.maxJsonDepth);
	const meta = await context.registry.extend(id, ttlS);
	context.logger.event("session_extended", { session_id: id, expires_at: meta.expiresAt });
	sendJson(response, 200, JSON.stringify({ expires_at: meta.expiresAt }));
}

export async function cancelChats(
	context: WorkerContext,
	id: SessionId,
	response: ServerResponse,
): Promise<void> {
	const session = await context.registry.get(id);
	const cancelled = session.cancelChats();
	context.logger.event("chats_cancelled", { session_id: id, cancelled });
	sendJson(response, 200, JSON.stringify({ cancelled }));
}

export async function deleteSession(
	context: WorkerContext,
	id: SessionId,
	response: ServerResponse,
): Promise<void> {
	await context.registry.delete(id);
	response.statusCode = 204;
	response.end();
}

/** Of a payload that is read, at once. */
const READ_BYTES = 256 * 1024;

/** GET of one session; a never-seen id is an empty 200 and creates nothing. */
export async function readSession(
	context: WorkerContext,
	id: SessionId,
	query: URLSearchParams,
	response: ServerResponse,
): Promise<void> {
	const payloads = payloadChoice(query.get("payloads"));
	const superseded = query.get("superseded") ?? "false";
	if (superseded !== "true" && superseded !== "false")
		throw new RollpinError("invalid_request", "superseded must be true or false", { param: "superseded" });
	const session = await context.registry.find(id);
	if (session === undefined) {
		sendJson(response, 200, JSON.stringify({ session_id: id, records: [], metadata: {} }));
		return;
	}
	const done = context.registry.use(session);
	try {
		// Two are enough: while one is on its way to the client the other is filled.
		const buffers = [Buffer.allocUnsafeSlow(READ_BYTES), Buffer.allocUnsafeSlow(READ_BYTES)];
		const chunks = whileOpen(
			session,
			sessionChunks(context.reads, session, { payloads, superseded: superseded === "true", buffers }),
		);
		response.statusCode = 200;
		response.setHeader("content-type", "application/json");
		await sendWritten(response, chunks);
	} finally {
		done();
	}
}

/** GET of a session's turns, for who reads them; a never-seen id is a 404. */
export async function readTurns(
	context: WorkerContext,
	id: SessionId,
	query: URLSearchParams,
	response: ServerResponse,
): Promise<void> {
	const tokens = query.get("tokens") ?? "false";
	if (tokens !== "true" && tokens !== "false")
		throw new RollpinError("invalid_request", "tokens must be true or false", { param: "tokens" });
	const session = await context.registry.get(id);
	const done = context.registry.use(session);
	try {
		response.statusCode = 200;
		response.setHeader("content-type", "application/json");
		await sendWritten(response, whileOpen(session, turnChunks(context.reads, session, tokens === "true")));
	} finally {
		done();
	}
}

function payloadChoice(text: string | null): PayloadChoice {
	if (text === null || text === "all") return "all";
	if (text === "latest" || text === "none") return text;
	throw new RollpinError("invalid_request", "payloads must be all, latest or none", { param: "payloads" });
}

/** One page of this worker's sessions; a cursor is `<worker>:<last id>`, and the last page points at the next worker. */
export async function listSessions(
	context: WorkerContext,
	query: URLSearchParams,
	response: ServerResponse,
): Promise<void> {
	const limitText = query.get("limit") ?? String(DEFAULT_PAGE);
	const limit = Number(limitText);
	if (!/^\d+$/.test(limitText) || limit < 1 || limit > MAX_PAGE) {
		throw new RollpinError("invalid_request", `limit must be an integer from 1 to ${MAX_PAGE}`, {
			param: "limit",
		});
	}
	const cursor = /^(\d+):(.*)$/.exec(query.get("cursor") ?? `${context.index}:`);
	if (cursor === null || Number(cursor[1]) > context.index) {
		throw new RollpinError("invalid_request", "cursor must be the next_cursor of an earlier page", {
			param: "cursor",
		});
	}
	// The page of a worker that is down falls to the next one, which begins at its own beginning.
	const after = Number(cursor[1]) === context.index ? (cursor[2] ?? "") : "";
	const filter = sessionFilter(query);
	const sessions = await sessionsAfter(context.registry.values(), after, limit + 1, filter);
	const page = sessions.slice(0, limit);
	const next =
		sessions.length > limit
			? `${context.index}:${page.at(-1)?.meta.id ?? ""}`
			: context.index + 1 < context.partitions.workerCount
				? `${context.index + 1}:`
				: null;
	sendJson(
		response,
		200,
		JSON.stringify({
			worker: context.index,
			sessions: page.filter(isOpen).map(({ meta, chatsInFlight, chatsRunning, runningSinceS }) => ({
				session_id: meta.id,
				worker: context.index,
				turns: meta.turnCount,
				tokens: meta.tokenCount,
				created_at: meta.createdAt,
				expires_at: meta.expiresAt,
				in_flight: chatsInFlight,
				running: chatsRunning,
				running_since: runningSinceS,
			})),
			next_cursor: next,
		}),
	);
}

function isOpen({ closing }: Session): boolean {
	return closing === null;
}
