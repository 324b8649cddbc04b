// What clients get: records, results and errors as JSON, and a command's output as an event stream. Decides nothing.
import type { IncomingMessage, ServerResponse } from "node:http";
import { StringDecoder } from "node:string_decoder";
import { errorBody, errorHeaders, RollpinError } from "../../base/errors.js";
import type { BackgroundExec } from "../background.js";
import type { BufferedResult, ExecResult } from "../commands.js";
import type { SandboxRecord } from "../record.js";

export function sandboxJson(record: SandboxRecord): Record<string, unknown> {
	return {
		sandbox_id: record.id,
		session_id: record.sessionId,
		state: record.state,
		image: record.image,
		created_at: record.createdMs / 1000,
		expires_at: record.deadlineMs / 1000,
		max_expires_at: record.ceilingMs / 1000,
		labels: record.labels,
		...(record.end === null ? {} : { reason: record.end.reason, ended_at: record.end.atMs / 1000 }),
	};
}

export function bufferedJson(result: BufferedResult): Record<string, unknown> {
	const { stdout, stderr, truncated } = result;
	return { stdout, stderr, ...resultJson(result), truncated };
}

function resultJson(result: ExecResult): Record<string, unknown> {
	return {
		exit_code: result.exitCode,
		timed_out: result.timedOut,
		code: result.timedOut ? "command_timeout" : result.oom ? "sandbox_oom" : null,
		duration_ms: result.durationMs,
		stdout_bytes: result.stdoutBytes,
		stderr_bytes: result.stderrBytes,
	};
}

export function backgroundJson(exec: BackgroundExec, offset: number): Record<string, unknown> {
	const { end } = exec;
	const { output, nextOffset, missingBytes } = exec.read(offset);
	return {
		exec_id: exec.execId,
		status: end === null ? "running" : "ended",
		exit_code: end?.exitCode ?? null,
		timed_out: end?.timedOut ?? false,
		code:
			end?.failure ?? (end?.timedOut === true ? "command_timeout" : end?.oom === true ? "sandbox_oom" : null),
		started_at: exec.startedMs / 1000,
		duration_ms: end === null ? null : Math.round(end.durationMs),
		output,
		next_offset: nextOffset,
		missing_bytes: missingBytes,
	};
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
	const body = JSON.stringify(value);
	response.statusCode = status;
	response.setHeader("content-type", "application/json");
	response.setHeader("content-length", Buffer.byteLength(body));
	response.end(body);
}

export function sendNothing(response: ServerResponse): void {
	response.statusCode = 204;
	response.end();
}

/** Resolves when the client is ready for more, or gone. */
export function writable(response: ServerResponse): Promise<void> {
	return new Promise((resolve) => {
		const done = (): void => {
			response.off("drain", done);
			response.off("close", done);
			resolve();
		};
		response.on("drain", done);
		response.on("close", done);
	});
}

/**
 * @param bodyOf the error as the clients of this path know errors
 * @returns the error as the client sees it; half an answer is cut instead
 */
export function sendError(
	request: IncomingMessage,
	response: ServerResponse,
	error: unknown,
	bodyOf: (error: RollpinError) => string,
): RollpinError {
	const shown =
		error instanceof RollpinError
			? error
			: new RollpinError("internal", "internal error; the log has it under this request's x-request-id", {
					cause: error,
				});
	// What still comes is dropped, so that the connection can be used again.
	request.resume();
	if (response.headersSent || response.destroyed) {
		response.destroy();
		return shown;
	}
	const headers = errorHeaders(shown);
	for (let at = 0; at < headers.length; at += 2)
		response.setHeader(headers[at] as string, headers[at + 1] as string);
	const body = bodyOf(shown);
	response.statusCode = shown.status;
	response.setHeader("content-type", "application/json");
	response.setHeader("content-length", Buffer.byteLength(body));
	response.end(body);
	return shown;
}

/** Between two comments on a stream that says nothing: whatever stands between must not take it for dead. */
const KEEPALIVE_MS = 15_000;

/** A command's output as server-sent events: `stdout`, `stderr`, then one `end` or `error`. */
export class ExecStream {
	readonly #response: ServerResponse;
	readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
	readonly #timer: NodeJS.Timeout;

	constructor(response: ServerResponse) {
		this.#response = response;
		response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
		response.flushHeaders();
		this.#timer = setInterval(() => response.write(": still running\n\n"), KEEPALIVE_MS);
	}

	/** Resolves when the client is ready for more, or gone. */
	async write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
		await this.#text(stream, this.#decoders[stream].write(Buffer.from(bytes)));
	}

	async end(result: ExecResult): Promise<void> {
		for (const stream of ["stdout", "stderr"] as const)
			await this.#text(stream, this.#decoders[stream].end());
		this.#last("end", JSON.stringify(resultJson(result)));
	}

	fail(error: RollpinError): void {
		this.#last("error", errorBody(error));
	}

	#last(event: "end" | "error", data: string): void {
		clearInterval(this.#timer);
		this.#response.end(`event: ${event}\ndata: ${data}\n\n`);
	}

	async #text(stream: "stdout" | "stderr", text: string): Promise<void> {
		const response = this.#response;
		if (text === "" || response.destroyed) return;
		if (!response.write(`event: ${stream}\ndata: ${JSON.stringify({ text })}\n\n`)) await writable(response);
	}
}
