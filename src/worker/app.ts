// The worker's routes (Hono), made from the table of paths. Handlers write to the raw response, never through web streams.
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { RollpinError } from "../base/errors.js";
import { type PATHS, type PathOf, sessionPath, topPath } from "../base/paths.js";
import type { FrontEnd } from "../wire/front-end.js";
import { openaiChat } from "../wire/openai-chat/front-end.js";
import { chat } from "./chat-route.js";
import type { WorkerContext } from "./context.js";
import { passThrough } from "./pass-through.js";
import { sendError, sendJson } from "./respond.js";
import { collectSamples } from "./samples-route.js";
import {
	createSession,
	deleteSession,
	extendSession,
	listSessions,
	ownedId,
	readSession,
} from "./session-routes.js";
import { verifySession } from "./verify-route.js";

type Env = { Bindings: HttpBindings };
type Handler = (c: Context<Env>) => Promise<void> | void;
/** One for every path and method of the table that a worker answers. */
type Handlers = {
	[Path in PathOf<"worker">]: { [Method in keyof (typeof PATHS)[Path]["methods"]]: Handler };
};

export function createApp(context: WorkerContext): Hono<Env> {
	const app = new Hono<Env>();
	const raw =
		(handler: Handler) =>
		async (c: Context<Env>): Promise<Response> => {
			const { incoming, outgoing } = c.env;
			context.counters.requests++;
			outgoing.setHeader("x-rollpin-worker", context.index);
			const requestId = incoming.headers["x-request-id"];
			if (typeof requestId === "string") outgoing.setHeader("x-request-id", requestId);
			try {
				await handler(c);
			} catch (error) {
				sendError(incoming, outgoing, error, context.logger);
			}
			return RESPONSE_ALREADY_SENT;
		};
	const id = (c: Context<Env>) => ownedId(context, c.req.param("id") ?? "");
	const query = (c: Context<Env>) => new URL(c.req.url).searchParams;
	const turn =
		(frontEnd: FrontEnd): Handler =>
		(c) =>
			chat(context, frontEnd, id(c), new URL(c.req.url).search, c.env.incoming, c.env.outgoing);
	const handlers: Handlers = {
		"/sessions": {
			GET: (c) => listSessions(context, query(c), c.env.outgoing),
			POST: (c) => createSession(context, c.env.incoming, c.env.outgoing),
		},
		"/sessions/{id}": {
			GET: (c) => readSession(context, id(c), query(c), c.env.outgoing),
			DELETE: (c) => deleteSession(context, id(c), c.env.outgoing),
		},
		"/sessions/{id}/extend": {
			POST: (c) => extendSession(context, id(c), c.env.incoming, c.env.outgoing),
		},
		"/sessions/{id}/samples": {
			POST: (c) => collectSamples(context, id(c), c.env.incoming, c.env.outgoing),
		},
		"/sessions/{id}/verify": { POST: (c) => verifySession(context, id(c), c.env.outgoing) },
		"/sessions/{id}/v1/chat/completions": {
			POST: turn(openaiChat),
		},
		"/sessions/{id}/v1/model_info": {
			GET: (c) => {
				id(c);
				sendJson(c.env.outgoing, 200, '{"id":"model","object":"model"}');
			},
		},
	};
	for (const [path, byMethod] of Object.entries(handlers)) {
		for (const [method, handler] of Object.entries(byMethod) as Array<[string, Handler]>) {
			app.on(method, path.replace("{id}", ":id"), raw(handler));
		}
	}
	// What is left goes to the engine, or nowhere.
	const { passThroughPaths } = context.config;
	const rest = (c: Context<Env>): Promise<void> => {
		const { method = "", url = "" } = c.env.incoming;
		const path = url.split("?", 1)[0] ?? "";
		const [, sessionId = null, tail = ""] = /^\/sessions\/([^/]+)(.*)$/.exec(path) ?? [];
		const owned = sessionId === null ? null : ownedId(context, sessionId);
		const found = owned === null ? topPath(method, path) : sessionPath(method, tail, passThroughPaths);
		if (found instanceof RollpinError) throw found;
		if (owned === null || found !== "engine") throw new Error(`no route was made for ${method} ${path}`);
		return passThrough(context, owned, c.env.incoming, c.env.outgoing);
	};
	app.all("*", raw(rest));
	return app;
}
