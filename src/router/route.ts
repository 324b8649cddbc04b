// Decides from method and target alone where a request goes. Pure; sees neither bodies nor the state of workers.
import { type ErrorCode, RollpinError } from "../base/errors.js";
import type { Partition, SessionId } from "../base/ids.js";
import { isSessionId, partitionOf } from "../base/partitions.js";
import { invalidSessionId, PATHS, type PathOf, sessionPath, topPath } from "../base/paths.js";
import type { RouteLabel } from "./metrics.js";

export type LocalPath = Exclude<PathOf<"router">, `${string}{worker}${string}`>;

export type Route =
	/** Answered by the router itself. */
	| { kind: "local"; path: LocalPath }
	/** To be asked of the primary; `path` names the worker. */
	| { kind: "drain"; path: string; drain: boolean; label: RouteLabel }
	| { kind: "create"; path: RouteLabel }
	/** To the worker that the cursor names, or the first. */
	| { kind: "list"; worker: number; path: RouteLabel }
	| { kind: "session"; id: SessionId; partition: Partition; path: RouteLabel }
	/** To the process that makes sandboxes. */
	| { kind: "sandbox"; path: PathOf<"sandbox"> }
	| { kind: "reject"; error: RollpinError };

/** Longest request target in characters. */
export const MAX_TARGET_LENGTH = 8 * 1024;

const CREATE: Route = { kind: "create", path: "/sessions" };
const UNSAFE_ESCAPE = /%(?:2e|2f|5c|00|(?![0-9a-f]{2}))/i;
const MODEL_TAIL = /^\/sessions\/[^/]+\/v1\/models\/(.+)$/;
const PLAIN_TARGET = /^[\x21-\x7e]*$/;

/**
 * @param method as sent
 * @param target the request target as sent, undecoded
 * @param passThrough paths below a session that go to the engine
 */
export function route(method: string, target: string, passThrough: readonly string[]): Route {
	if (target.length > MAX_TARGET_LENGTH) {
		return reject("uri_too_long", `the request target is longer than ${MAX_TARGET_LENGTH} bytes`);
	}
	const query = target.indexOf("?");
	const path = query < 0 ? target : target.slice(0, query);
	const fault = pathFault(path, target);
	if (fault !== null) return reject("invalid_request", fault);

	if (path.startsWith("/sessions/")) return sessionRoute(method, path, passThrough);
	const found = topPath(method, path);
	if (found instanceof RollpinError) return { kind: "reject", error: found };
	switch (found) {
		case "/health":
		case "/ready":
		case "/cluster":
		case "/metrics":
			return { kind: "local", path: found };
		case "/cluster/workers/{worker}/drain":
		case "/cluster/workers/{worker}/undrain":
			return { kind: "drain", path, drain: found.endsWith("/drain"), label: found };
		case "/sessions":
			return method === "POST" ? CREATE : listRoute(query < 0 ? "" : target.slice(query + 1));
		default:
			return { kind: "sandbox", path: found };
	}
}

function sessionRoute(method: string, path: string, passThrough: readonly string[]): Route {
	const idEnd = path.indexOf("/", 10);
	const id = idEnd < 0 ? path.slice(10) : path.slice(10, idEnd);
	if (!isSessionId(id)) {
		return { kind: "reject", error: invalidSessionId() };
	}
	const found = sessionPath(method, idEnd < 0 ? "" : path.slice(idEnd), passThrough);
	if (found instanceof RollpinError) return { kind: "reject", error: found };
	if (found !== "engine" && isSandboxPath(found)) return { kind: "sandbox", path: found };
	const label = found === "engine" ? "/sessions/{id}/{path}" : found;
	return { kind: "session", id, partition: partitionOf(id), path: label };
}

function isSandboxPath(path: keyof typeof PATHS): path is PathOf<"sandbox"> {
	return PATHS[path].answeredBy === "sandbox";
}

export function foreignCursor(): RollpinError {
	return new RollpinError("invalid_request", "cursor is not one of ours; use next_cursor of the page before");
}

/** A cursor begins with the index of the worker whose page it continues: `<index>:`. */
function listRoute(query: string): Route {
	const cursor = new URLSearchParams(query).get("cursor");
	if (cursor === null) return { kind: "list", worker: 0, path: "/sessions" };
	const index = /^(\d{1,2}):/.exec(cursor)?.[1];
	if (index === undefined) return { kind: "reject", error: foreignCursor() };
	return { kind: "list", worker: Number(index), path: "/sessions" };
}

/** Anything a later reader of the path could take for another path is refused, not normalised. */
function pathFault(path: string, target: string): string | null {
	if (!path.startsWith("/")) return "the request target must be a path that starts with a slash";
	if (path[1] === "/" || path[1] === "\\") return "the request target must start with exactly one slash";
	if (!PLAIN_TARGET.test(target) || target.includes("#")) {
		return "the request target holds a character that must be percent-encoded";
	}
	if (path.includes("\\")) return "a path must not hold a backslash";
	const plain = path.includes("%") ? withModelSlashes(path) : path;
	if (plain.includes("%") && UNSAFE_ESCAPE.test(plain)) {
		return "a path must not hold an encoded dot, slash, backslash or NUL, nor a broken percent escape";
	}
	if (plain.includes("/.") && plain.split("/").some((segment) => segment === "." || segment === "..")) {
		return "a path must not hold dot segments";
	}
	return null;
}

/** OpenAI's clients send a model's id with its slashes encoded; only there are they no way to another path. */
function withModelSlashes(path: string): string {
	const tail = MODEL_TAIL.exec(path)?.[1];
	if (tail === undefined) return path;
	return path.slice(0, path.length - tail.length) + tail.replace(/%2f/gi, "/");
}

function reject(code: ErrorCode, message: string): Route {
	return { kind: "reject", error: new RollpinError(code, message) };
}
