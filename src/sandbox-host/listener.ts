// The sandbox process's requests, by the table of paths: which handler, with which ids. Answers what they throw.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { errorBodyFor } from "../base/error-shapes.js";
import { RollpinError } from "../base/errors.js";
import { type PATHS, type PathOf, topPath } from "../base/paths.js";
import { sendError, sendNothing } from "../sandbox/routes/answers.js";
import {
	createSandbox,
	deleteSandboxes,
	exec,
	extend,
	getFiles,
	listSandboxes,
	type NativeCall,
	type NativeParts,
	putFiles,
	readExec,
	readSandbox,
} from "../sandbox/routes/native.js";
import { ForegroundCommands } from "../sandbox/routes/opensandbox/commands.js";
import * as lifecycle from "../sandbox/routes/opensandbox/lifecycle.js";
import { answerProxy } from "../sandbox/routes/opensandbox/proxy.js";
import type { Logger } from "../telemetry/logger.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";

export interface ListenerParts extends NativeParts {
	log: Logger;
	metrics: Metrics<"sandbox">;
}

/** What a path names, as far as it does. */
interface Ids {
	sandbox: string;
	exec: string;
	port: string;
	rest: string;
}

type Handler = (call: NativeCall, ids: Ids) => Promise<void> | void;
type Handlers = {
	[Path in PathOf<"sandbox">]: { [Method in keyof (typeof PATHS)[Path]["methods"]]: Handler };
};

export function createListener(parts: ListenerParts): RequestListener {
	const handlers = handlersOf(parts);
	return (request, response) => void answer(parts, handlers, request, response);
}

function handlersOf(parts: ListenerParts): Handlers {
	const { sandboxes } = parts;
	const commands = { ...parts, foreground: new ForegroundCommands() };
	const proxy: Handler = (call, { sandbox, port, rest }) => answerProxy(commands, call, sandbox, port, rest);
	const remove: Handler = async ({ response }, { sandbox }) => {
		await sandboxes.remove(sandbox, "deleted");
		sendNothing(response);
	};
	return {
		"/sandboxes": {
			GET: (call) => listSandboxes(parts, call),
			POST: (call) => createSandbox(parts, call),
			DELETE: (call) => deleteSandboxes(parts, call),
		},
		"/sandboxes/{sandbox}": {
			GET: (call, { sandbox }) => readSandbox(parts, call, sandbox),
			DELETE: remove,
		},
		"/sandboxes/{sandbox}/exec": { POST: (call, { sandbox }) => exec(parts, call, sandbox) },
		"/sandboxes/{sandbox}/exec/{exec}": {
			GET: (call, ids) => readExec(parts, call, ids.sandbox, ids.exec),
			async DELETE({ response }, ids) {
				await sandboxes.commands.kill(ids.sandbox, ids.exec);
				sendNothing(response);
			},
		},
		"/sandboxes/{sandbox}/files": {
			GET: (call, { sandbox }) => getFiles(parts, call, sandbox),
			PUT: (call, { sandbox }) => putFiles(parts, call, sandbox),
		},
		"/sandboxes/{sandbox}/extend": { POST: (call, { sandbox }) => extend(parts, call, sandbox) },
		"/v1/sandboxes": {
			GET: (call) => lifecycle.listSandboxes(parts, call),
			POST: (call) => lifecycle.createSandbox(parts, call),
		},
		"/v1/sandboxes/{sandbox}": {
			GET: (call, { sandbox }) => lifecycle.readSandbox(parts, call, sandbox),
			DELETE: remove,
		},
		"/v1/sandboxes/{sandbox}/renew-expiration": {
			POST: (call, { sandbox }) => lifecycle.renew(parts, call, sandbox),
		},
		"/v1/sandboxes/{sandbox}/endpoints/{port}": {
			GET: (call, { sandbox, port }) => lifecycle.readEndpoint(parts, call, sandbox, port),
		},
		"/v1/sandboxes/{sandbox}/proxy/{port}/{rest}": { GET: proxy, POST: proxy, DELETE: proxy },
	};
}

/** Never rejects. */
async function answer(
	{ log, metrics }: ListenerParts,
	handlers: Handlers,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const { method = "", url = "" } = request;
	const requestId = request.headers["x-request-id"];
	if (typeof requestId === "string") response.setHeader("x-request-id", requestId);
	const left = new AbortController();
	response.once("close", () => {
		if (!response.writableFinished) left.abort(new Error("the client left"));
	});
	const [path = "", search = ""] = url.split("?", 2);
	try {
		const handler = handlerOf(handlers, method, path);
		const call = { request, response, query: new URLSearchParams(search), left: left.signal };
		await handler(call, idsOf(path));
	} catch (error) {
		if (left.signal.aborted) return;
		const shown = sendError(request, response, error, errorBodyFor(path));
		metrics.refused_total.at(shown.code).value++;
		if (shown.code === "internal") {
			log.event("request_error", {
				x_request_id: typeof requestId === "string" ? requestId : "",
				method,
				path,
				err: error,
			});
		}
	}
}

function idsOf(path: string): Ids {
	const [, sandbox = "", , id = "", ...rest] = path.replace(/^\/v1/, "").split("/").slice(1);
	return { sandbox, exec: id, port: id, rest: rest.join("/") };
}

function handlerOf(handlers: Handlers, method: string, path: string): Handler {
	const found = topPath(method, path);
	if (found instanceof RollpinError) throw found;
	const byMethod = (handlers as Partial<Record<string, Partial<Record<string, Handler>>>>)[found];
	const handler = byMethod?.[method === "HEAD" ? "GET" : method];
	if (handler === undefined) throw new Error(`${method} ${path} is not the sandbox process's`);
	return handler;
}
