// The sandbox process's requests, by the table of paths: which handler, with which ids. Answers what they throw.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { errorBodyFor } from "../base/error-shapes.js";
import { RollpinError } from "../base/errors.js";
import { type PATHS, type PathOf, sessionPath, topPath } from "../base/paths.js";
import { sendError, sendNothing } from "../sandbox/routes/answers.js";
import * as interpreter from "../sandbox/routes/code-interpreter/routes.js";
import { Uploads } from "../sandbox/routes/code-interpreter/uploads.js";
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
import type { BoundSandboxes } from "./bound.js";
import { answerInternal, INTERNAL } from "./internal-routes.js";

export interface ListenerParts extends NativeParts {
	bound: BoundSandboxes;
	log: Logger;
	metrics: Metrics<"sandbox">;
}

/** What a path names, as far as it does. */
interface Ids {
	sandbox: string;
	exec: string;
	port: string;
	rest: string;
	/** Empty where the path names none. */
	session: string;
}

type Handler = (call: NativeCall, ids: Ids) => Promise<void> | void;
type Handlers = {
	[Path in PathOf<"sandbox">]: { [Method in keyof (typeof PATHS)[Path]["methods"]]: Handler };
};

export function createListener(parts: ListenerParts): RequestListener {
	const handlers = handlersOf(parts);
	return (request, response) => {
		if (request.url?.startsWith(INTERNAL) === true) void answerInternal(parts, request, response);
		else void answer(parts, handlers, request, response);
	};
}

function handlersOf(parts: ListenerParts): Handlers {
	const { sandboxes } = parts;
	const commands = { ...parts, foreground: new ForegroundCommands() };
	const uploads = { ...parts, uploads: new Uploads() };
	const inTheirStatus =
		(handler: Handler): Handler =>
		(call, ids) =>
			interpreter.inTheirStatus(Promise.resolve(handler(call, ids)));
	const proxy: Handler = (call, { sandbox, port, rest }) => answerProxy(commands, call, sandbox, port, rest);
	/** The sandbox that a path means. */
	const of = ({ sandbox, session }: Ids): string =>
		session === "" ? sandbox : sandboxes.ofSession(session).id;
	const remove: Handler = async ({ response }, ids) => {
		await sandboxes.remove(of(ids), "deleted");
		sendNothing(response);
	};
	const item = {
		GET: (call: NativeCall, ids: Ids) => readSandbox(parts, call, of(ids)),
		DELETE: remove,
	};
	const command = { POST: (call: NativeCall, ids: Ids) => exec(parts, call, of(ids)) };
	const background = {
		GET: (call: NativeCall, ids: Ids) => readExec(parts, call, of(ids), ids.exec),
		async DELETE({ response }: NativeCall, ids: Ids) {
			await sandboxes.commands.kill(of(ids), ids.exec);
			sendNothing(response);
		},
	};
	const files = {
		GET: (call: NativeCall, ids: Ids) => getFiles(parts, call, of(ids)),
		PUT: (call: NativeCall, ids: Ids) => putFiles(parts, call, of(ids)),
	};
	const life = { POST: (call: NativeCall, ids: Ids) => extend(parts, call, of(ids)) };
	return {
		"/sandboxes": {
			GET: (call) => listSandboxes(parts, call),
			POST: (call) => createSandbox(parts, call, null),
			DELETE: (call) => deleteSandboxes(parts, call),
		},
		"/sandboxes/{sandbox}": item,
		"/sandboxes/{sandbox}/exec": command,
		"/sandboxes/{sandbox}/exec/{exec}": background,
		"/sandboxes/{sandbox}/files": files,
		"/sandboxes/{sandbox}/extend": life,
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
		"/sessions/{id}/sandbox": {
			...item,
			POST: (call, { session }) => createSandbox(parts, call, session),
		},
		"/sessions/{id}/sandbox/exec": command,
		"/sessions/{id}/sandbox/exec/{exec}": background,
		"/sessions/{id}/sandbox/files": files,
		"/sessions/{id}/sandbox/extend": life,
		"/v1/sessions": { POST: inTheirStatus((call) => interpreter.createSession(uploads, call)) },
		"/v1/sessions/{sandbox}": { DELETE: remove },
		"/v1/sessions/{sandbox}/bash": {
			POST: inTheirStatus((call, { sandbox }) => interpreter.runBash(uploads, call, sandbox)),
		},
		"/v1/files": {
			GET: (call) => interpreter.listFiles(uploads, call),
			POST: inTheirStatus((call) => interpreter.uploadFile(uploads, call)),
		},
		"/v1/files/{file}": {
			GET: (call, { sandbox }) => interpreter.readFile(uploads, call, sandbox),
			DELETE: (call, { sandbox }) => interpreter.deleteFile(uploads, call, sandbox),
		},
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
		if (shown.code === "internal" || shown.code === "store_unavailable") {
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
	const [, first = "", ...tail] = path.replace(/^\/v1/, "").split("/").slice(1);
	const isSessions = path.startsWith("/sessions/");
	// Below a session its `sandbox` comes first.
	const [, id = "", ...rest] = isSessions ? tail.slice(1) : tail;
	return { sandbox: first, exec: id, port: id, rest: rest.join("/"), session: isSessions ? first : "" };
}

function handlerOf(handlers: Handlers, method: string, path: string): Handler {
	const below = /^\/sessions\/[^/]+(\/.*)$/.exec(path)?.[1];
	const found = below === undefined ? topPath(method, path) : sessionPath(method, below, []);
	if (found instanceof RollpinError) throw found;
	const byMethod = (handlers as Partial<Record<string, Partial<Record<string, Handler>>>>)[found];
	const handler = byMethod?.[method === "HEAD" ? "GET" : method];
	if (handler === undefined) throw new Error(`${method} ${path} is not the sandbox process's`);
	return handler;
}
