// The control plane: scripts, gates, counters and the log over HTTP, on a port of its own. Tests only; no generation.
import type { IncomingMessage, ServerResponse } from "node:http";
import { COUNTER_NAMES, type CounterName } from "../engine/counters.js";
import { misbehavioursOf } from "../engine/misbehaviour.js";
import type { LoggedRequest } from "../engine/request-log.js";
import type { ScriptedAnswer } from "../engine/script.js";
import type { SimState } from "../engine/state.js";

/** What the control plane can do to the engine's sockets. */
export interface EngineSockets {
	/** Opens or closes the listening socket; while closed, connections are refused. */
	listen(open: boolean): Promise<void>;
	/** Closes connections: those without a request, or all. */
	closeConnections(which: "idle" | "all"): void;
}

/** A logged request in JSON. */
export interface LoggedRequestJson extends Omit<LoggedRequest, "body"> {
	bodyBase64: string;
}

/** A bad control request. */
class ControlError extends Error {
	readonly status: number;
	constructor(status: number, message: string) {
		super(message);
		this.status = status;
	}
}

const DEFAULT_WAIT_MS = 30_000;

interface Call {
	state: SimState;
	sockets: EngineSockets;
	query: URLSearchParams;
	body: unknown;
	/** Fires when the caller leaves or its wait is over. */
	signal: AbortSignal;
	/** The variable part of the path. */
	name: string;
}

type Handler = (call: Call) => unknown;

function fieldOf(call: Call, name: string): unknown {
	return typeof call.body === "object" && call.body !== null
		? (call.body as Record<string, unknown>)[name]
		: undefined;
}

function countOf(call: Call, name: string, fallback: number): number {
	const text = call.query.get(name);
	if (text === null) return fallback;
	const value = Number(text);
	if (!Number.isInteger(value) || value < 0) throw new ControlError(400, `${name} must be a whole number`);
	return value;
}

function pushScript(call: Call): unknown {
	const list = Array.isArray(call.body) ? call.body : [call.body];
	for (const answer of list) {
		if (typeof answer !== "object" || answer === null) throw new ControlError(400, "an answer is an object");
		try {
			call.state.script.push(answer as ScriptedAnswer);
		} catch (error) {
			throw new ControlError(400, (error as Error).message);
		}
	}
	return { queued: call.state.script.length };
}

async function waitCounter(call: Call): Promise<unknown> {
	const name = call.name as CounterName;
	if (!COUNTER_NAMES.includes(name)) throw new ControlError(404, `no counter ${name}`);
	const least = countOf(call, "atLeast", 0);
	const most = countOf(call, "atMost", Number.MAX_SAFE_INTEGER);
	const reached = await call.state.counters.wait(
		name,
		(value) => value >= least && value <= most,
		call.signal,
	);
	const counters = call.state.counters.snapshot();
	if (!reached) throw new ControlError(408, `counter ${name} stayed at ${counters[name]}`);
	return counters;
}

async function waitGate(call: Call): Promise<unknown> {
	const wanted = countOf(call, "arrived", 1);
	const reached = await call.state.gates.arrived(call.name, wanted, call.signal);
	const state = call.state.gates.state(call.name);
	if (!reached) throw new ControlError(408, `gate ${call.name}: ${state.arrived} of ${wanted} arrived`);
	return state;
}

function releaseGate(call: Call): unknown {
	const count = fieldOf(call, "count");
	return call.state.gates.release(call.name, typeof count === "number" ? count : undefined);
}

function listRequests(call: Call): unknown {
	const entries = call.state.log.list(countOf(call, "after", 0));
	return entries.map(
		({ body, ...rest }): LoggedRequestJson => ({ ...rest, bodyBase64: body.toString("base64") }),
	);
}

function misbehave(call: Call): unknown {
	const names = fieldOf(call, "names");
	if (!Array.isArray(names)) throw new ControlError(400, "names must be a list of misbehaviours");
	try {
		call.state.misbehaviours = misbehavioursOf(names.map(String));
	} catch (error) {
		throw new ControlError(400, (error as Error).message);
	}
	return { names: [...call.state.misbehaviours] };
}

function reset(call: Call): unknown {
	call.state.misbehaviours = call.state.ownMisbehaviours;
	call.state.script.clear();
	call.state.gates.reset();
	call.state.log.clear();
	call.state.counters.reset();
	return {};
}

const ROUTES: ReadonlyMap<string, Handler> = new Map<string, Handler>([
	["GET /counters", ({ state }) => state.counters.snapshot()],
	["GET /counters/*", waitCounter],
	["POST /script", pushScript],
	[
		"DELETE /script",
		({ state }) => {
			state.script.clear();
			return { queued: 0 };
		},
	],
	["GET /gates/*", waitGate],
	["POST /gates/*", releaseGate],
	["GET /requests", listRequests],
	["POST /misbehave", misbehave],
	[
		"POST /listen",
		async (call) => {
			const open = fieldOf(call, "open") === true;
			await call.sockets.listen(open);
			return { open };
		},
	],
	[
		"POST /close-connections",
		(call) => {
			call.sockets.closeConnections(fieldOf(call, "which") === "all" ? "all" : "idle");
			return {};
		},
	],
	["POST /reset", reset],
]);

async function readJson(request: IncomingMessage): Promise<unknown> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	if (chunks.length === 0) return undefined;
	try {
		return JSON.parse(Buffer.concat(chunks).toString("utf8"));
	} catch (error) {
		throw new ControlError(400, `not JSON: ${(error as Error).message}`);
	}
}

async function handle(
	state: SimState,
	sockets: EngineSockets,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<unknown> {
	const url = new URL(request.url ?? "/", "http://control");
	const [, room = "", name = ""] = url.pathname.split("/");
	const handler = ROUTES.get(`${request.method} /${room}${name === "" ? "" : "/*"}`);
	if (!handler) throw new ControlError(404, `no control route ${request.method} ${url.pathname}`);
	const waiting = new AbortController();
	const call: Call = {
		state,
		sockets,
		query: url.searchParams,
		body: await readJson(request),
		signal: waiting.signal,
		name: decodeURIComponent(name),
	};
	const timer = setTimeout(() => waiting.abort(), countOf(call, "timeoutMs", DEFAULT_WAIT_MS));
	response.on("close", () => waiting.abort());
	try {
		return await handler(call);
	} finally {
		clearTimeout(timer);
	}
}

/** The request listener of the control port. */
export function controlListener(
	state: SimState,
	sockets: EngineSockets,
): (request: IncomingMessage, response: ServerResponse) => void {
	return (request, response) => {
		handle(state, sockets, request, response).then(
			(value) => reply(response, 200, value),
			(error: unknown) => {
				const status = error instanceof ControlError ? error.status : 500;
				reply(response, status, { error: error instanceof Error ? error.message : String(error) });
			},
		);
	};
}

function reply(response: ServerResponse, status: number, value: unknown): void {
	const body = Buffer.from(JSON.stringify(value));
	response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
	response.end(body);
}
