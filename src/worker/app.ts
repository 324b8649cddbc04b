// The worker's route table (Hono). Handlers write to the raw response; web streams never see a body.
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { RollpinError } from "../base/errors.js";
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

	app.get(
		"/health",
		raw((c) => sendJson(c.env.outgoing, 200, '{"status":"ok"}')),
	);
	app.get(
		"/sessions",
		raw((c) => listSessions(context, query(c), c.env.outgoing)),
	);
	app.post(
		"/sessions",
		raw((c) => createSession(context, c.env.incoming, c.env.outgoing)),
	);
	app.all(
		"/sessions",
		raw(() => refuseMethod("GET, POST")),
	);
	app.get(
		"/sessions/:id",
		raw((c) => readSession(context, id(c), query(c), c.env.outgoing)),
	);
	app.delete(
		"/sessions/:id",
		raw((c) => deleteSession(context, id(c), c.env.outgoing)),
	);
	app.all(
		"/sessions/:id",
		raw(() => refuseMethod("GET, DELETE")),
	);
	app.post(
		"/sessions/:id/extend",
		raw((c) => extendSession(context, id(c), c.env.incoming, c.env.outgoing)),
	);
	app.all(
		"/sessions/:id/extend",
		raw(() => refuseMethod("POST")),
	);
	app.post(
		"/sessions/:id/verify",
		raw((c) => verifySession(context, id(c), c.env.outgoing)),
	);
	app.all(
		"/sessions/:id/verify",
		raw(() => refuseMethod("POST")),
	);
	app.post(
		"/sessions/:id/samples",
		raw((c) => collectSamples(context, id(c), c.env.incoming, c.env.outgoing)),
	);
	app.all(
		"/sessions/:id/samples",
		raw(() => refuseMethod("POST")),
	);
	app.post(
		"/sessions/:id/v1/chat/completions",
		raw((c) => chat(context, id(c), new URL(c.req.url).search, c.env.incoming, c.env.outgoing)),
	);
	app.all(
		"/sessions/:id/v1/chat/completions",
		raw(() => refuseMethod("POST")),
	);
	app.get(
		"/sessions/:id/v1/model_info",
		raw((c) => {
			id(c);
			sendJson(c.env.outgoing, 200, '{"id":"model","object":"model"}');
		}),
	);
	app.all(
		"/sessions/:id/v1/model_info",
		raw(() => refuseMethod("GET")),
	);
	app.all(
		"/sessions/:id/*",
		raw((c) => passThrough(context, id(c), c.env.incoming, c.env.outgoing)),
	);
	app.all(
		"*",
		raw(() => {
			throw new RollpinError("not_found", "no such path; sessions live under /sessions/{id}");
		}),
	);
	return app;
}

function refuseMethod(allow: string): never {
	throw new RollpinError("method_not_allowed", `this path takes ${allow}`, { allow });
}
