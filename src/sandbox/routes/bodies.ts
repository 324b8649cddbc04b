// The bodies of create, exec and extend as what the core takes. Pure.
import { RollpinError } from "../../base/errors.js";
import { isSessionId } from "../../base/partitions.js";
import type { ExecRequest } from "../commands.js";
import type { SandboxFile, SandboxRequest, SandboxSettings } from "../request.js";
import { Fields } from "./read-request.js";

const CREATE_FIELDS = [
	"image",
	"ttl_seconds",
	"max_ttl_seconds",
	"session_id",
	"files",
	"env",
	"workdir",
	"user",
	"resources",
	"network",
	"runtime",
	"labels",
] as const;

export const ENV_NAME = /^[^=\0]{1,256}$/;
/** As container engines and Kubernetes take them. */
export const LABEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const MAX_TTL_S = 10 * 365 * 86_400;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const DEFAULT_OUTPUT_BYTES = 1_000_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_ARGUMENTS = 10_000;

/** @throws RollpinError `invalid_request` */
export function createRequest(fields: Fields): SandboxRequest {
	fields.only(...CREATE_FIELDS);
	const sessionId = fields.text("session_id", 128);
	if (sessionId !== null && !isSessionId(sessionId)) {
		throw new RollpinError("invalid_request", "session_id is no id of a session", { param: "session_id" });
	}
	return {
		image: fields.text("image", 512),
		ttlS: fields.integer("ttl_seconds", 1, MAX_TTL_S),
		maxTtlS: fields.integer("max_ttl_seconds", 1, MAX_TTL_S),
		sessionId,
		files: (fields.list("files") ?? []).map(fileOf),
		env: fields.texts("env", ENV_NAME, "a variable's name has no = and is not empty"),
		workdir: insidePath(fields.text("workdir"), "workdir"),
		user: fields.text("user", 64),
		resources: resourcesOf(fields.object("resources")),
		network: fields.choice("network", ["none", "bridge"]),
		runtime: fields.text("runtime", 64),
		labels: fields.texts("labels", LABEL_NAME, "a label's name is up to 63 of A-Z a-z 0-9 . _ / -"),
	};
}

function resourcesOf(fields: Fields | null): SandboxRequest["resources"] {
	if (fields === null) return {};
	fields.only("cpu", "memory_mib", "pids", "disk_mib");
	const [cpu, memoryMib] = [fields.number("cpu"), fields.integer("memory_mib", 1, 2 ** 31)];
	const [pids, diskMib] = [fields.integer("pids", 1, 2 ** 31), fields.integer("disk_mib", 1, 2 ** 31)];
	return {
		...(cpu === null ? {} : { cpu }),
		...(memoryMib === null ? {} : { memoryMib }),
		...(pids === null ? {} : { pids }),
		...(diskMib === null ? {} : { diskMib }),
	};
}

function fileOf(value: unknown, index: number): SandboxFile {
	const name = `files[${index}]`;
	const refuse = (rule: string): never => {
		throw new RollpinError("invalid_request", `${name} ${rule}`, { param: name });
	};
	if (typeof value !== "object" || value === null || Array.isArray(value)) return refuse("must be an object");
	const fields = new Fields(value as Record<string, unknown>, `${name}.`);
	fields.only("path", "text", "content_base64");
	const path = workspacePath(fields.text("path"), `${name}.path`);
	if (path === ".") return refuse("must have the path of a file");
	const [text, base64] = [fields.value("text"), fields.value("content_base64")];
	if (typeof text === "string" && base64 === null) return { path, content: Buffer.from(text) };
	if (typeof base64 !== "string" || text !== null) return refuse("has either text or content_base64");
	const content = Buffer.from(base64, "base64");
	// Node's decoder skips what it does not know: half a file would look like a whole one.
	if (content.toString("base64").replace(/=+$/, "") !== base64.replace(/=+$/, ""))
		return refuse("has no base64 in content_base64");
	return { path, content };
}

/** @throws RollpinError `invalid_request` */
export function execRequest(
	fields: Fields,
	settings: Pick<SandboxSettings, "maxExecTimeoutMs">,
): ExecRequest & { background: boolean } {
	fields.only("cmd", "timeout_ms", "stdin", "env", "cwd", "output_limit_bytes", "background");
	const background = fields.flag("background");
	const timeoutMs = fields.integer("timeout_ms", 1, settings.maxExecTimeoutMs);
	const stdin = fields.value("stdin");
	if (stdin !== null && typeof stdin !== "string") {
		throw new RollpinError("invalid_request", "stdin must be text", { param: "stdin" });
	}
	return {
		argv: argvOf(fields.value("cmd")),
		stdin: stdin === null ? null : Buffer.from(stdin),
		env: fields.texts("env", ENV_NAME, "a variable's name has no = and is not empty"),
		cwd: insidePath(fields.text("cwd"), "cwd"),
		timeoutMs: timeoutMs ?? (background ? null : Math.min(DEFAULT_TIMEOUT_MS, settings.maxExecTimeoutMs)),
		outputLimitBytes: fields.integer("output_limit_bytes", 2, MAX_OUTPUT_BYTES) ?? DEFAULT_OUTPUT_BYTES,
		background,
	};
}

function argvOf(cmd: unknown): string[] {
	const argv = typeof cmd === "string" ? ["bash", "-c", cmd] : cmd;
	const isList = Array.isArray(argv) && argv.length > 0 && argv.length <= MAX_ARGUMENTS;
	if (isList && argv.every((each) => typeof each === "string" && !each.includes("\0")) && argv[0] !== "")
		return argv as string[];
	throw new RollpinError(
		"invalid_request",
		"cmd must be text for bash, or a list of a program and its arguments, without NUL",
		{ param: "cmd" },
	);
}

/** @throws RollpinError `invalid_request` */
export function ttlOf(fields: Fields): number {
	fields.only("ttl_seconds");
	const ttlS = fields.integer("ttl_seconds", 1, MAX_TTL_S);
	if (ttlS !== null) return ttlS;
	throw new RollpinError("invalid_request", "ttl_seconds is missing", { param: "ttl_seconds" });
}

/** Where a sandbox has its workspace; `local` has it elsewhere. */
export const WORKSPACE = "/workspace";

/**
 * A file's or a directory's path as one below the workspace: relative to it, or from /workspace on.
 * @throws RollpinError `invalid_request` when it leaves it
 */
export function workspacePath(text: string | null, param: string): string {
	const isBelow = text === WORKSPACE || text?.startsWith(`${WORKSPACE}/`) === true;
	const relative = isBelow ? (text as string).slice(WORKSPACE.length + 1) : (text ?? "");
	const parts = relative.split("/").filter((part) => part !== "" && part !== ".");
	if (text === null || relative.startsWith("/") || parts.includes("..")) {
		throw new RollpinError(
			"invalid_request",
			`${param} must be a path below the workspace, relative to it and without ..`,
			{ param },
		);
	}
	return parts.length === 0 ? "." : parts.join("/");
}

/** A directory to work in: also an absolute one of the sandbox. */
function insidePath(text: string | null, param: string): string | null {
	const isElsewhere =
		text?.startsWith("/") === true && text !== WORKSPACE && !text.startsWith(`${WORKSPACE}/`);
	return text === null || isElsewhere ? text : workspacePath(text, param);
}
