// What OpenSandbox's clients ask for as what the core takes: create, renew, command, the filter of a list. Pure.
// Fields: https://github.com/alibaba/OpenSandbox, specs/sandbox-lifecycle.yml and specs/execd-api.yaml.
import { posix } from "node:path";
import { RollpinError } from "../../../base/errors.js";
import type { ExecRequest } from "../../commands.js";
import type { SandboxRecord } from "../../record.js";
import type { SandboxRequest, SandboxSettings } from "../../request.js";
import { ENV_NAME, LABEL_NAME, WORKSPACE } from "../bodies.js";
import { Fields } from "../read-request.js";

/** What its clients send when nobody chose one; a sandbox here has no process of the client's beside its commands. */
export const IDLE_ENTRYPOINT: readonly string[] = ["tail", "-f", "/dev/null"];
const MIB = 1024 * 1024;
const MAX_TTL_S = 10 * 365 * 86_400;

const EXTENSIONS = ["rollpin.user", "rollpin.runtime", "rollpin.root_commands"] as const;
/** In the environment of a sandbox whose client takes commands as its user for what it asks for as root. */
const ROOT_COMMANDS = "ROLLPIN_ROOT_COMMANDS";

/** Fields that ask for what there is not here, with the values of each that ask for nothing. */
const NOT_HERE: Readonly<Record<string, (value: unknown) => boolean>> = {
	snapshotId: () => false,
	templateId: () => false,
	platform: () => false,
	resourceRequests: isEmpty,
	lifecycle: isEmpty,
	credentialProxy: () => false,
	secureAccess: (value) => value === false,
	volumes: isEmpty,
};

/**
 * @param settings its longest life is how far the client may move the end: OpenSandbox's clients name no ceiling
 * @throws RollpinError `invalid_request`
 */
export function createRequest(fields: Fields, settings: Pick<SandboxSettings, "maxTtlS">): SandboxRequest {
	fields.only(
		...["image", "timeout", "resourceLimits", "env", "metadata", "entrypoint", "networkPolicy", "extensions"],
		...Object.keys(NOT_HERE),
	);
	for (const [name, asksNothing] of Object.entries(NOT_HERE)) {
		const value = fields.value(name);
		if (value !== null && !asksNothing(value)) throw refusal(name, "is not to be had here; leave it out");
	}
	const entrypoint = fields.list("entrypoint");
	if (entrypoint !== null && !isSame(entrypoint, IDLE_ENTRYPOINT)) {
		throw refusal("entrypoint", "cannot be chosen here: leave it out, and start the program by a command");
	}
	const image = fields.object("image")?.only("uri", "auth") ?? null;
	if (image?.value("auth") != null)
		throw refusal("image.auth", "is for the engine's operator to set, not a client");
	const ttlS = fields.integer("timeout", 1, MAX_TTL_S);
	if (ttlS === null) throw refusal("timeout", "is missing: a sandbox without an end is not to be had here");
	const extensions = fields.object("extensions")?.only(...EXTENSIONS) ?? null;
	const root = extensions?.choice("rollpin.root_commands", ["as_user"]) ?? null;
	const env = fields.texts("env", ENV_NAME, "a variable's name has no = and is not empty");
	return {
		image: image?.text("uri", 512) ?? null,
		ttlS,
		maxTtlS: Math.max(ttlS, settings.maxTtlS),
		sessionId: null,
		files: [],
		env: root === null ? env : { ...env, [ROOT_COMMANDS]: root },
		workdir: null,
		user: extensions?.text("rollpin.user", 64) ?? null,
		resources: resourcesOf(fields.object("resourceLimits")),
		network: networkOf(fields.object("networkPolicy")),
		runtime: extensions?.text("rollpin.runtime", 64) ?? null,
		labels: fields.texts("metadata", LABEL_NAME, "a name is up to 63 of A-Z a-z 0-9 . _ / -"),
	};
}

function isEmpty(value: unknown): boolean {
	return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function isSame(list: readonly unknown[], other: readonly unknown[]): boolean {
	return list.length === other.length && list.every((each, index) => each === other[index]);
}

function resourcesOf(fields: Fields | null): SandboxRequest["resources"] {
	if (fields === null) return {};
	fields.only("cpu", "memory");
	const [cpu, memory] = [fields.text("cpu", 32), fields.text("memory", 32)];
	return {
		...(cpu === null ? {} : { cpu: coresOf(cpu) }),
		...(memory === null ? {} : { memoryMib: mibOf(memory) }),
	};
}

/** `500m`, `2`, `0.5` */
function coresOf(text: string): number {
	const [, amount = "", milli] = /^(\d{1,9}(?:\.\d{1,9})?)(m?)$/.exec(text) ?? [];
	if (amount === "")
		throw refusal("resourceLimits.cpu", "must be cores, as 2 or 0.5, or thousandths, as 500m");
	return milli === "m" ? Number(amount) / 1000 : Number(amount);
}

const UNITS: Readonly<Record<string, number>> = {
	"": 1,
	K: 1e3,
	k: 1e3,
	M: 1e6,
	G: 1e9,
	T: 1e12,
	Ki: 1024,
	Mi: MIB,
	Gi: 1024 * MIB,
	Ti: MIB * MIB,
};

/** `512Mi`, `2Gi`, `500M`, bytes; up to the next whole MiB: never less than asked. */
function mibOf(text: string): number {
	const [, amount = "", unit = "?"] = /^(\d{1,15}(?:\.\d{1,9})?)([A-Za-z]*)$/.exec(text) ?? [];
	const bytes = UNITS[unit];
	if (bytes === undefined) throw refusal("resourceLimits.memory", "must be bytes, or as 512Mi, 2Gi or 500M");
	return Math.ceil((Number(amount) * bytes) / MIB);
}

function networkOf(fields: Fields | null): SandboxRequest["network"] {
	if (fields === null) return null;
	fields.only("defaultAction", "egress");
	const action = fields.choice("defaultAction", ["allow", "deny"]);
	if ((fields.list("egress") ?? []).length > 0) {
		throw refusal("networkPolicy.egress", "is not to be had here: a sandbox has all of the network or none");
	}
	if (action === null) throw refusal("networkPolicy.defaultAction", "is missing: allow, or deny");
	return action === "deny" ? "none" : "bridge";
}

/** @returns ms since the epoch. @throws RollpinError `invalid_request` */
export function renewedEndMs(fields: Fields): number {
	const text = fields.only("expiresAt").text("expiresAt", 64);
	const isTime = text !== null && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text);
	const atMs = isTime ? Date.parse(text) : Number.NaN;
	if (Number.isNaN(atMs)) throw refusal("expiresAt", "must be a time with its zone, as 2026-11-28T12:00:00Z");
	return atMs;
}

export interface CommandRequest extends ExecRequest {
	background: boolean;
}

/** Of a background command; what is older goes, and readers are told how much. */
const BACKGROUND_LIMIT_BYTES = 1_000_000;
const MAX_UID = 2 ** 32 - 2;

/**
 * Whether the command would run as the user that is asked for, then the command itself: a user cannot be changed inside. $1: the
 * user's id, $2: the group's or nothing.
 */
const AS_USER = `
if [[ $1 == 0 && $${ROOT_COMMANDS} == as_user ]]; then
	:
elif [[ $EUID != "$1" || ( $2 && \${GROUPS[0]} != "$2" ) ]]; then
	echo "not run: commands of this sandbox run as $EUID:\${GROUPS[0]}, not as $1\${2:+:$2}" >&2
	exit 126
fi
shift 2
exec -- "$@"
`;

/** @throws RollpinError `invalid_request` */
export function commandRequest(
	fields: Fields,
	settings: Pick<SandboxSettings, "maxExecTimeoutMs">,
): CommandRequest {
	fields.only("command", "argv", "cwd", "background", "timeout", "uid", "gid", "envs");
	const [uid, gid] = [fields.integer("uid", 0, MAX_UID), fields.integer("gid", 0, MAX_UID)];
	if (gid !== null && uid === null) throw refusal("gid", "goes with a uid");
	const argv = argvOf(fields);
	const timeoutMs = fields.integer("timeout", 0, settings.maxExecTimeoutMs);
	return {
		argv: uid === null ? argv : ["bash", "-c", AS_USER, "rollpin", String(uid), String(gid ?? ""), ...argv],
		stdin: null,
		env: fields.texts("envs", ENV_NAME, "a variable's name has no = and is not empty"),
		cwd: directoryOf(fields.text("cwd")),
		// Theirs have no timeout unless one is named; the sandbox's end is one here.
		timeoutMs: timeoutMs === 0 ? null : timeoutMs,
		outputLimitBytes: BACKGROUND_LIMIT_BYTES,
		background: fields.flag("background"),
	};
}

function argvOf(fields: Fields): string[] {
	const [command, argv] = [fields.value("command"), fields.list("argv")];
	if (typeof command === "string" && argv === null && command.trim() !== "" && !command.includes("\0"))
		return ["bash", "-c", command];
	const isList = argv?.every((each) => typeof each === "string" && !each.includes("\0")) === true;
	if (command === null && isList && argv[0] !== undefined && argv[0] !== "") return argv as string[];
	throw refusal(
		"command",
		"must be text for bash, or argv a program and its arguments; one of them, without NUL",
	);
}

function directoryOf(text: string | null): string | null {
	if (text === null || text === "") return null;
	if (/^~|\$/.test(text)) throw refusal("cwd", "is taken as it is here: write ~ and variables out");
	return placeOf(text, "cwd");
}

/**
 * Where in the sandbox a path is: from the root, or from the workspace on, which `local` has elsewhere.
 * @returns absolute, or relative to the workspace beginning with `.`
 * @throws RollpinError `invalid_request`
 */
export function placeOf(text: string, param: string): string {
	const path = posix.normalize(text).replace(/(?<=.)\/$/, "");
	if (text === "" || text.includes("\0") || text.startsWith("~") || path === ".." || path.startsWith("../"))
		throw refusal(param, "must be a path of the sandbox, absolute or below the workspace, without ~ and NUL");
	if (path === WORKSPACE) return ".";
	const below = path.startsWith(`${WORKSPACE}/`) ? path.slice(WORKSPACE.length + 1) : path;
	return below.startsWith("/") || below === "." ? below : `./${below}`;
}

export interface ListRequest {
	states: ReadonlySet<SandboxRecord["state"]> | null;
	labels: Array<[name: string, value: string]>;
	page: number;
	pageSize: number;
}

const STATES: Readonly<Record<string, SandboxRecord["state"]>> = {
	pending: "creating",
	running: "running",
	terminated: "ended",
	failed: "ended",
};

/** @throws RollpinError `invalid_request` */
export function listRequest(query: URLSearchParams): ListRequest {
	const states = query.getAll("state");
	return {
		// Those that nothing here is ever in match nothing.
		states:
			states.length === 0 ? null : new Set(states.flatMap((state) => STATES[state.toLowerCase()] ?? [])),
		labels: [...new URLSearchParams(query.get("metadata") ?? "")],
		page: number(query, "page", 1, 1_000_000) ?? 1,
		pageSize: number(query, "pageSize", 1, 200) ?? 20,
	};
}

function number(query: URLSearchParams, name: string, least: number, most: number): number | null {
	const text = query.get(name);
	return new Fields({ [name]: text === null ? null : Number(text) }).integer(name, least, most);
}

export function refusal(param: string, rule: string): RollpinError {
	return new RollpinError("invalid_request", `${param} ${rule}`, { param });
}
