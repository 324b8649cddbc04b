// The worker's routes, made from the table of paths. A path spelled as in the table is answered straight from node:http, whatever
// else comes by Hono's router. Handlers write to the raw response, never through web streams.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { RollpinError } from "../base/errors.js";
import { type PATHS, type PathOf, sessionPath, topPath } from "../base/paths.js";
import type { FrontEnd } from "../wire/front-end.js";
import { openaiChat } from "../wire/openai-chat/front-end.js";
import { chat } from "./chat-route.js";
import type { WorkerContext } from "./context.js";
import { answerInternal, INTERNAL } from "./internal-routes.js";
import { passThrough } from "./pass-through.js";
import { requestIdOf, sendError, sendJson } from "./respond.js";
import { collectSamples } from "./samples-route.js";
import {
	cancelChats,
	createSession,
	deleteSession,
	extendSession,
	listSessions,
	ownedId,
	readSession,
	readTurns,
} from "./session-routes.js";
import { verifySession } from "./verify-route.js";

type Env = { Bindings: HttpBindings };
/** One request, and what its path says. */
interface Call {
	request: IncomingMessage;
	response: ServerResponse;
	/** What stands for `{id}`, not yet checked; empty where the path has none. */
	idText: string;
	/** The query with its question mark, or empty. */
	search: string;
}
type Handler = (call: Call) => Promise<void> | void;
/** One for every path and method of the table that a worker answers. */
type Handlers = {
	[Path in PathOf<"worker">]: { [Method in keyof (typeof PATHS)[Path]["methods"]]: Handler };
};

/** A session's path with nothing in it that could be spelled in two ways, and no query. */
const PLAIN_SESSION_PATH = /^\/sessions\/([A-Za-z0-9_-][A-Za-z0-9._-]*)((?:\/[a-z0-9_]+)*)$/;

export function createListener(context: WorkerContext): RequestListener {
	const handlers = handlersOf(context);
	/** By method and path. */
	const plain = new Map<string, Handler>();
	for (const [path, byMethod] of Object.entries(handlers)) {
		for (const [method, handler] of Object.entries(byMethod) as Array<[string, Handler]>)
			plain.set(`${method} ${path}`, handler);
	}
	const byRouter = getRequestListener(createRouter(context, handlers).fetch, {
		overrideGlobalObjects: false,
	});
	return (request, response) => {
		const { method = "", url = "" } = request;
		if (url.startsWith(INTERNAL)) return void answerInternal(context, request, response);
		const found = PLAIN_SESSION_PATH.exec(url);
		const path = found === null ? url : `/sessions/{id}${found[2] ?? ""}`;
		const handler = plain.get(`${method} ${path}`);
		// Hono's objects for request, response and URL cost as much as a third of a small request.
		if (handler === undefined) void byRouter(request, response);
		else void answer(context, handler, { request, response, idText: found?.[1] ?? "", search: "" });
	};
}

/** Runs the handler; what it throws is answered. Never rejects. */
async function answer(context: WorkerContext, handler: Handler, call: Call): Promise<void> {
	const { request, response } = call;
	context.metrics.worker_requests_total.value++;
	response.setHeader("x-rollpin-worker", context.index);
	const requestId = request.headers["x-request-id"];
	if (typeof requestId === "string") response.setHeader("x-request-id", requestId);
	try {
		await handler(call);
	} catch (error) {
		sendError(request, response, error, context);
	}
}

/** A session that could not be made leaves a record: nobody may ever ask for it again. */
async function createOrTell(context: WorkerContext, { request, response }: Call): Promise<void> {
	try {
		await createSession(context, request, response);
	} catch (error) {
		const shown = sendError(request, response, error, context);
		const fields = { x_request_id: requestIdOf(request), code: shown.code };
		context.logger.event("session_refused", fields, `no session was made: ${shown.message}`);
	}
}

function handlersOf(context: WorkerContext): Handlers {
	const id = (call: Call) => ownedId(context, call.idText);
	const query = (call: Call) => new URLSearchParams(call.search);
	const turn =
		(frontEnd: FrontEnd): Handler =>
		(call) =>
			chat(context, frontEnd, id(call), call.search, call.request, call.response);
	return {
		"/sessions": {
			GET: (call) => listSessions(context, query(call), call.response),
			POST: (call) => createOrTell(context, call),
		},
		"/sessions/{id}": {
			GET: (call) => readSession(context, id(call), query(call), call.response),
			DELETE: (call) => deleteSession(context, id(call), call.response),
		},
		"/sessions/{id}/cancel": { POST: (call) => cancelChats(context, id(call), call.response) },
		"/sessions/{id}/extend": {
			POST: (call) => extendSession(context, id(call), call.request, call.response),
		},
		"/sessions/{id}/samples": {
			POST: (call) => collectSamples(context, id(call), call.request, call.response),
		},
		"/sessions/{id}/turns": {
			GET: (call) => readTurns(context, id(call), query(call), call.response),
		},
		"/sessions/{id}/verify": { POST: (call) => verifySession(context, id(call), call.response) },
		"/sessions/{id}/v1/chat/completions": {
			POST: turn(openaiChat),
		},
		"/sessions/{id}/v1/model_info": {
			GET: (call) => {
				id(call);
				sendJson(call.response, 200, '{"id":"model","object":"model"}');
			},
		},
	};
}

/** For every other spelling of the same paths, HEAD, what goes to the engine, and what is refused. */
function createRouter(context: WorkerContext, handlers: Handlers): Hono<Env> {
	const app = new Hono<Env>();
	const raw =
		(handler: Handler) =>
		async (c: Context<Env>): Promise<Response> => {
			const { incoming: request, outgoing: response } = c.env;
			const { search } = new URL(c.req.url);
			await answer(context, handler, { request, response, idText: c.req.param("id") ?? "", search });
			return RESPONSE_ALREADY_SENT;
		};
	for (const [path, byMethod] of Object.entries(handlers)) {
		for (const [method, handler] of Object.entries(byMethod) as Array<[string, Handler]>) {
			app.on(method, path.replace("{id}", ":id"), raw(handler));
		}
	}
	// What is left goes to the engine, or nowhere.
	const { passThroughPaths } = context.config;
	const rest = ({ request, response }: Call): Promise<void> => {
		const { method = "", url = "" } = request;
		const path = url.split("?", 1)[0] ?? "";
		const [, sessionId = null, tail = ""] = /^\/sessions\/([^/]+)(.*)$/.exec(path) ?? [];
		const owned = sessionId === null ? null : ownedId(context, sessionId);
		const found = owned === null ? topPath(method, path) : sessionPath(method, tail, passThroughPaths);
		if (found instanceof RollpinError) throw found;
		if (owned === null || found !== "engine") throw new Error(`no route was made for ${method} ${path}`);
		return passThrough(context, owned, request, response);
	};
	app.all("*", raw(rest));
	return app;
}
