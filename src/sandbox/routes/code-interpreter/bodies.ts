// The bodies of the code interpreter's clients as what the core takes. Pure. As its models have them, fields that are not known
// are passed over (https://github.com/onyx-dot-app/python-sandbox, code-interpreter/app/models/schemas.py).
import { RollpinError } from "../../../base/errors.js";
import type { ExecRequest } from "../../commands.js";
import { NOTHING_ASKED, type SandboxFile, type SandboxRequest, type SandboxSettings } from "../../request.js";
import { workspacePath } from "../bodies.js";
import { Fields } from "../read-request.js";
import type { Uploads } from "./uploads.js";

const DEFAULT_TTL_S = 900;
const MAX_TTL_S = 86_400;
const DEFAULT_TIMEOUT_MS = 30_000;
const OUTPUT_LIMIT_BYTES = 1_000_000;

/** @throws RollpinError `invalid_request`, `sandbox_path_not_found` for a file that nobody uploaded */
export function sessionRequest(fields: Fields, uploads: Uploads): SandboxRequest {
	return {
		...NOTHING_ASKED,
		ttlS: given(fields, "ttl_seconds")?.integer("ttl_seconds", 1, MAX_TTL_S) ?? DEFAULT_TTL_S,
		files: (given(fields, "files")?.list("files") ?? []).map((file, index) => fileOf(file, index, uploads)),
	};
}

function fileOf(value: unknown, index: number, uploads: Uploads): SandboxFile {
	const prefix = `files[${index}]`;
	if (typeof value !== "object" || value === null) throw refusal(prefix, "must be an object");
	const fields = new Fields(value as Record<string, unknown>, `${prefix}.`);
	const [path, id] = [needed(fields, "path", prefix), needed(fields, "file_id", prefix)];
	const { content } = fileFor(path, id, uploads);
	const place = workspacePath(path, `${prefix}.path`);
	if (place === ".") throw refusal(`${prefix}.path`, "must name a file");
	return { path: place, content };
}

function fileFor(path: string, id: string, uploads: Uploads): { content: Uint8Array } {
	try {
		return uploads.get(id);
	} catch (error) {
		if (!(error instanceof RollpinError)) throw error;
		throw new RollpinError(error.code, `${error.message} for path '${path}'.`);
	}
}

/** @throws RollpinError `invalid_request` */
export function bashRequest(
	fields: Fields,
	settings: Pick<SandboxSettings, "maxExecTimeoutMs">,
): ExecRequest {
	const cmd = needed(fields, "cmd", "");
	const most = settings.maxExecTimeoutMs;
	const timeoutMs = given(fields, "timeout_ms")?.integer("timeout_ms", 1, most) ?? null;
	return {
		argv: ["bash", "-c", cmd],
		stdin: null,
		env: {},
		cwd: null,
		timeoutMs: timeoutMs ?? Math.min(DEFAULT_TIMEOUT_MS, most),
		outputLimitBytes: OUTPUT_LIMIT_BYTES,
	};
}

/** A field with null is not one that is left out. */
function given(fields: Fields, name: string): Fields | null {
	if (!fields.names().includes(name)) return null;
	if (fields.value(name) === null) throw refusal(name, "must not be null");
	return fields;
}

function needed(fields: Fields, name: string, prefix: string): string {
	const text = fields.text(name, 1_000_000);
	if (text === null) throw refusal(prefix === "" ? name : `${prefix}.${name}`, "is missing");
	return text;
}

function refusal(param: string, rule: string): RollpinError {
	return new RollpinError("invalid_request", `${param} ${rule}`, { param });
}
