// Runs one of the file scripts in a sandbox and says how it ended. Owns no path.
import { RollpinError } from "../../../base/errors.js";
import type { ExecRequest } from "../../commands.js";
import type { Sandboxes } from "../../sandboxes.js";
import { NO_SUCH_PATH, NO_SUCH_RANGE } from "./file-scripts.js";

const FILES_TIMEOUT_MS = 300_000;
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

export interface Script {
	text: string;
	args: readonly string[];
	stdin?: Uint8Array;
}

export function scriptRequest({ text, args, stdin }: Script): ExecRequest {
	return {
		argv: ["bash", "-c", text, "rollpin", ...args],
		stdin: stdin ?? null,
		env: { LC_ALL: "C" },
		cwd: null,
		timeoutMs: FILES_TIMEOUT_MS,
		outputLimitBytes: OUTPUT_LIMIT_BYTES,
	};
}

/**
 * @returns its stdout
 * @throws RollpinError `sandbox_path_not_found`, or `invalid_request` with what the sandbox said
 */
export async function runScript(
	sandboxes: Sandboxes,
	id: string,
	script: Script,
	left: AbortSignal,
): Promise<string> {
	const result = await sandboxes.commands.run(id, scriptRequest(script), left);
	if (result.exitCode !== 0) throw scriptError(result.exitCode, result.stderr);
	if (!result.truncated) return result.stdout;
	throw new RollpinError("body_too_large", "there is more than fits into one answer; ask for less of it");
}

export function scriptError(exitCode: number | null, stderr: string): RollpinError {
	const said = stderr.trim();
	if (exitCode === NO_SUCH_PATH) return new RollpinError("sandbox_path_not_found", said);
	if (exitCode === NO_SUCH_RANGE)
		return new RollpinError("invalid_request", "the range begins after the end of the file", { status: 416 });
	if (exitCode !== null)
		return new RollpinError("invalid_request", `the sandbox refused it (exit code ${exitCode}): ${said}`);
	return new RollpinError(
		"request_timeout",
		`it took longer than ${FILES_TIMEOUT_MS} ms and may be half done`,
	);
}
