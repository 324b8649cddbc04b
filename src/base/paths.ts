// The one table of paths: which there are, their methods, who answers. Routes, 404, 405 and docs come from it. Pure.
import { RollpinError } from "./errors.js";

/**
 * Whose a path is. `cluster`: about the whole cluster, for operators; `session`: about one session or all of them;
 * `front_end`: what an agent's client calls below its session; `engine`: handed on to the engine, bytes untouched; `sandbox`: about
 * sandboxes, alone or a session's; `opensandbox` and `code_interpreter`: the same, as
 * the clients of those services ask.
 */
export type PathFamily =
	| "cluster"
	| "session"
	| "front_end"
	| "engine"
	| "sandbox"
	| "opensandbox"
	| "code_interpreter";

export interface PathSpec {
	family: PathFamily;
	answeredBy: "router" | "worker" | "sandbox";
	/** What each method does, in one line of the docs. HEAD is served wherever GET is. */
	methods: Readonly<Partial<Record<"GET" | "POST" | "PUT" | "DELETE", string>>>;
}

/** `{id}` stands for a session's id, `{worker}` for a worker's index, `{sandbox}` and `{exec}` for those of a sandbox and of its command, `{port}` for a number, `{file}` for an uploaded file's id, `{rest}` for a path. The engine's paths are not in here: `--pass-through` lists them. */
export const PATHS = {
	"/health": {
		family: "cluster",
		answeredBy: "router",
		methods: { GET: "whether the cluster serves, 200 or 503, and what of it is not well; needs no token" },
	},
	"/ready": {
		family: "cluster",
		answeredBy: "router",
		methods: {
			GET: "whether new sessions are to be sent here: 200, or 503 with the reasons; needs no token",
		},
	},
	"/cluster": {
		family: "cluster",
		answeredBy: "router",
		methods: { GET: "the state of every worker, with its last heartbeat" },
	},
	"/cluster/workers/{worker}/drain": {
		family: "cluster",
		answeredBy: "router",
		methods: { POST: "gives that worker no new sessions; those that it has go on" },
	},
	"/cluster/workers/{worker}/undrain": {
		family: "cluster",
		answeredBy: "router",
		methods: { POST: "ends that: new sessions go to it again" },
	},
	"/metrics": {
		family: "cluster",
		answeredBy: "router",
		methods: { GET: "what every process counts, as Prometheus text" },
	},
	"/sessions": {
		family: "session",
		answeredBy: "worker",
		methods: { GET: "lists the sessions, page by page", POST: "makes a session" },
	},
	"/sessions/{id}": {
		family: "session",
		answeredBy: "worker",
		methods: {
			GET: "the session's records and metadata",
			DELETE: "ends the session and removes what it has",
		},
	},
	"/sessions/{id}/cancel": {
		family: "session",
		answeredBy: "worker",
		methods: { POST: "ends the session's running and waiting chats; the session stays" },
	},
	"/sessions/{id}/extend": {
		family: "session",
		answeredBy: "worker",
		methods: { POST: "sets a new lifetime, counted from now" },
	},
	"/sessions/{id}/samples": {
		family: "session",
		answeredBy: "worker",
		methods: { POST: "the session's training samples" },
	},
	"/sessions/{id}/turns": {
		family: "session",
		answeredBy: "worker",
		methods: { GET: "the session turn by turn, for who reads it: what each added, with its tokens' text" },
	},
	"/sessions/{id}/verify": {
		family: "session",
		answeredBy: "worker",
		methods: { POST: "has the engine score the session's tokens once more; changes nothing" },
	},
	"/sessions/{id}/v1/chat/completions": {
		family: "front_end",
		answeredBy: "worker",
		methods: { POST: "one chat turn, as OpenAI's clients send it" },
	},
	"/sessions/{id}/v1/model_info": {
		family: "front_end",
		answeredBy: "worker",
		methods: { GET: "a stand-in for the model's description; the engine is not asked" },
	},
	"/sandboxes": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: {
			GET: "lists sandboxes, page by page",
			POST: "makes a sandbox",
			DELETE: "ends all that carry a label",
		},
	},
	"/sandboxes/{sandbox}": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { GET: "one sandbox", DELETE: "ends it" },
	},
	"/sandboxes/{sandbox}/exec": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { POST: "runs a command" },
	},
	"/sandboxes/{sandbox}/exec/{exec}": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { GET: "a background command and its output so far", DELETE: "kills it" },
	},
	"/sandboxes/{sandbox}/files": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { GET: "a file, or a tree as a tar", PUT: "writes a file, or a tree of a tar" },
	},
	"/sandboxes/{sandbox}/extend": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { POST: "sets a new lifetime, counted from now" },
	},
	"/v1/sandboxes": {
		family: "opensandbox",
		answeredBy: "sandbox",
		methods: { GET: "lists sandboxes, page by page", POST: "makes a sandbox" },
	},
	"/v1/sandboxes/{sandbox}": {
		family: "opensandbox",
		answeredBy: "sandbox",
		methods: { GET: "one sandbox", DELETE: "ends it" },
	},
	"/v1/sandboxes/{sandbox}/renew-expiration": {
		family: "opensandbox",
		answeredBy: "sandbox",
		methods: { POST: "moves its end" },
	},
	"/v1/sandboxes/{sandbox}/endpoints/{port}": {
		family: "opensandbox",
		answeredBy: "sandbox",
		methods: { GET: "where its commands and files are asked for: the path below" },
	},
	"/v1/sandboxes/{sandbox}/proxy/{port}/{rest}": {
		family: "opensandbox",
		answeredBy: "sandbox",
		methods: {
			GET: "`ping`, a command's state and output, files",
			POST: "`command`, and what changes files",
			DELETE: "ends a command, removes files",
		},
	},
	"/sessions/{id}/sandbox": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { GET: "the session's sandbox", POST: "makes one for the session", DELETE: "ends it" },
	},
	"/sessions/{id}/sandbox/exec": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { POST: "runs a command in the session's sandbox" },
	},
	"/sessions/{id}/sandbox/exec/{exec}": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { GET: "a background command of it, and its output so far", DELETE: "kills it" },
	},
	"/sessions/{id}/sandbox/files": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { GET: "a file of it, or a tree as a tar", PUT: "writes a file, or a tree of a tar" },
	},
	"/sessions/{id}/sandbox/extend": {
		family: "sandbox",
		answeredBy: "sandbox",
		methods: { POST: "sets a new lifetime for it, counted from now" },
	},
	"/v1/sessions": {
		family: "code_interpreter",
		answeredBy: "sandbox",
		methods: { POST: "makes a sandbox" },
	},
	"/v1/sessions/{sandbox}": {
		family: "code_interpreter",
		answeredBy: "sandbox",
		methods: { DELETE: "ends it" },
	},
	"/v1/sessions/{sandbox}/bash": {
		family: "code_interpreter",
		answeredBy: "sandbox",
		methods: { POST: "runs a command" },
	},
	"/v1/files": {
		family: "code_interpreter",
		answeredBy: "sandbox",
		methods: { GET: "lists the uploaded files", POST: "uploads a file for later sandboxes" },
	},
	"/v1/files/{file}": {
		family: "code_interpreter",
		answeredBy: "sandbox",
		methods: { GET: "an uploaded file", DELETE: "removes it" },
	},
} as const satisfies Readonly<Record<string, PathSpec>>;

export type OwnPath = keyof typeof PATHS;
/** One session's, and the others. */
type SessionPath = Extract<OwnPath, `/sessions/{id}${string}`>;
type TopPath = Exclude<OwnPath, SessionPath>;
export type PathOf<Answerer extends PathSpec["answeredBy"]> = {
	[Path in OwnPath]: (typeof PATHS)[Path]["answeredBy"] extends Answerer ? Path : never;
}[OwnPath];

/** Every method that is handed on to the engine. */
export const ENGINE_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] as const;

const SESSION = "/sessions/{id}";
const WORKER = "/cluster/workers/{worker}";
const SANDBOX_PATH = /^\/sandboxes\/[^/]+/;
const EXEC_TAIL = /(\/exec\/)[^/]+$/;
const OPENSANDBOX_PATH = /^(\/v1\/sandboxes\/)[^/]+/;
const SESSION_PATH = /^(\/v1\/sessions\/)[^/]+/;
const FILE_PATH = /^(\/v1\/files\/)[^/]+$/;
const ENDPOINT_TAIL = /^(\/v1\/sandboxes\/[^/]+\/endpoints\/)[^/]+$/;
const PROXY_TAIL = /^(\/v1\/sandboxes\/[^/]+\/proxy\/)[^/]+\/.+$/;
const WORKER_PATH = /^\/cluster\/workers\/([^/]+)(?=\/)/;
/** Below a session they would be turns that no record has. */
const GENERATIONS: ReadonlySet<string> = new Set(["/v1/completions", "/generate"]);

interface Entry<Path extends OwnPath> {
	path: Path;
	/** Those of the table and HEAD, sorted. */
	methods: ReadonlySet<string>;
}

const top = new Map<string, Entry<TopPath>>();
/** By what follows the id; the session itself is `""`. */
const below = new Map<string, Entry<SessionPath>>();
for (const path of Object.keys(PATHS) as OwnPath[]) {
	const methods = methodsOf(path);
	if (isSessionPath(path)) below.set(path.slice(SESSION.length), { path, methods });
	else top.set(path, { path, methods });
}

/** Every method that some path of ours takes, as `Allow` has them. */
export const OWN_METHODS = [
	...new Set([...top.values(), ...below.values()].flatMap(({ methods }) => [...methods])),
]
	.sort()
	.join(", ");

/**
 * Finds a path that is not below one session.
 * @param path without its query
 * @returns the table's path, or the refusal: `not_found`, `method_not_allowed`
 */
export function topPath(method: string, path: string): TopPath | RollpinError {
	const entry = top.get(patternOf(path));
	if (entry !== undefined) return checked(method, entry);
	if (path.startsWith("/v1/sandboxes/")) {
		return new RollpinError(
			"not_found",
			`no such path: ${path}; of OpenSandbox's API there is what docs/sandboxes.md lists, and nothing else of it was done`,
		);
	}
	return new RollpinError(
		"not_found",
		path.startsWith("/v1/")
			? `no such path: ${path}; chats go to /sessions/{id}/v1/chat/completions, POST /sessions makes an id`
			: `no such path: ${path}; sessions live under /sessions`,
	);
}

/**
 * Finds a session's path.
 * @param tail what follows the id, undecoded and without the query: `""`, or from its slash on
 * @param passThrough the paths that go to the engine (`--pass-through`)
 * @returns the table's path, `engine`, or the refusal: `not_found`, `path_not_allowed`, `method_not_allowed`
 */
export function sessionPath(
	method: string,
	tail: string,
	passThrough: readonly string[],
): SessionPath | "engine" | RollpinError {
	const plain = tail.includes("%") ? decoded(tail) : tail;
	const entry = below.get(plain.startsWith("/sandbox/exec/") ? plain.replace(EXEC_TAIL, "$1{exec}") : plain);
	if (entry !== undefined) return checked(method, entry);
	const model = /^\/v1\/models\/./.test(tail) && passThrough.includes("/v1/models");
	if (!model && !passThrough.includes(tail)) return unknownTail(tail, passThrough);
	if (!(ENGINE_METHODS as readonly string[]).includes(method))
		return wrongMethod(method, ENGINE_METHODS.join(", "));
	if (model && method !== "GET" && method !== "HEAD" && !passThrough.includes(tail))
		return new RollpinError("path_not_allowed", `${tail} takes GET and HEAD`);
	return "engine";
}

/**
 * The worker that a path names in the place of `{worker}`.
 * @param workers how many there are
 * @returns its index, or the refusal: `not_found`
 */
export function workerOfPath(path: string, workers: number): number | RollpinError {
	const text = WORKER_PATH.exec(path)?.[1] ?? "";
	const index = /^\d{1,3}$/.test(text) ? Number(text) : workers;
	if (index < workers) return index;
	return new RollpinError("not_found", `no such worker: ${text}; they are numbered from 0 to ${workers - 1}`);
}

/** What stands in the place of `{id}` cannot be a session's. */
export function invalidSessionId(): RollpinError {
	return new RollpinError(
		"invalid_id",
		"a session id is 1 to 128 characters of A-Z a-z 0-9 . _ - and does not start with a dot",
	);
}

/** With the table's names in the places of what a path names. */
function patternOf(path: string): string {
	if (path.startsWith("/cluster/workers/")) return path.replace(WORKER_PATH, WORKER);
	if (path.startsWith("/sandboxes/"))
		return path.replace(SANDBOX_PATH, "/sandboxes/{sandbox}").replace(EXEC_TAIL, "$1{exec}");
	if (path.startsWith("/v1/sessions/")) return path.replace(SESSION_PATH, "$1{sandbox}");
	if (path.startsWith("/v1/files/")) return path.replace(FILE_PATH, "$1{file}");
	if (path.startsWith("/v1/sandboxes/"))
		return path
			.replace(OPENSANDBOX_PATH, "$1{sandbox}")
			.replace(ENDPOINT_TAIL, "$1{port}")
			.replace(PROXY_TAIL, "$1{port}/{rest}");
	return path;
}

function isSessionPath(path: OwnPath): path is SessionPath {
	return path.startsWith(SESSION);
}

/** What the table says a path takes, and HEAD, sorted. */
function methodsOf(path: OwnPath): ReadonlySet<string> {
	const methods = Object.keys(PATHS[path].methods);
	return new Set((methods.includes("GET") ? [...methods, "HEAD"] : methods).sort());
}

function checked<Path extends OwnPath>(method: string, { path, methods }: Entry<Path>): Path | RollpinError {
	return methods.has(method) ? path : wrongMethod(method, [...methods].join(", "));
}

function wrongMethod(method: string, allow: string): RollpinError {
	return new RollpinError("method_not_allowed", `${method} is not allowed here; use ${allow}`, { allow });
}

function unknownTail(tail: string, passThrough: readonly string[]): RollpinError {
	if (tail.replace(/\/+$/, "") === "/chat/completions")
		return new RollpinError("not_found", `${tail} lacks /v1: an agent's base URL is /sessions/{id}/v1`);
	if (GENERATIONS.has(tail))
		return new RollpinError(
			"path_not_allowed",
			`${tail} would be a generation that is in no record; send chats to /v1/chat/completions, or allow it with --pass-through ${[...passThrough, tail].join(",")}`,
		);
	const own = [...below.keys()].filter((each) => each !== "").join(", ");
	const engine =
		passThrough.length === 0 ? "" : `, and the engine's ${passThrough.join(", ")} (--pass-through)`;
	return new RollpinError("not_found", `no such path below a session: ${tail}; there are ${own}${engine}`);
}

/** As the worker's router reads a path; escapes that are no UTF-8 match nothing of ours. */
function decoded(tail: string): string {
	try {
		return decodeURI(tail);
	} catch {
		return tail;
	}
}
