// Commands for OpenSandbox's clients: in the foreground as a stream of events, in the background to be asked for by id.
import { RollpinError } from "../../../base/errors.js";
import { newExecId } from "../../ids.js";
import { sendJson } from "../answers.js";
import type { NativeParts } from "../native.js";
import { readObject } from "../read-request.js";
import { backgroundJson, timeText } from "./answers.js";
import { type CommandRequest, commandRequest, refusal } from "./bodies.js";
import { CommandEvents } from "./command-events.js";
import type { ProxyCall } from "./files.js";

/** Exit code in their words of a command that was killed: it gave none itself. */
const KILLED = "-1";

/** Those in the foreground, while they run: their clients know them by an id, too. */
export class ForegroundCommands {
	readonly #running = new Map<string, { sandbox: string; startedMs: number; stop: AbortController }>();

	add(sandbox: string, execId: string): AbortSignal {
		const stop = new AbortController();
		this.#running.set(execId, { sandbox, startedMs: Date.now(), stop });
		return stop.signal;
	}

	delete(execId: string): void {
		this.#running.delete(execId);
	}

	/** @returns when it began, in ms since the epoch, while it runs */
	startedMs(sandbox: string, execId: string): number | null {
		const found = this.#running.get(execId);
		return found?.sandbox === sandbox ? found.startedMs : null;
	}

	/** @returns whether there is one to end */
	interrupt(sandbox: string, execId: string): boolean {
		if (this.startedMs(sandbox, execId) === null) return false;
		this.#running.get(execId)?.stop.abort(new Error("interrupted by its client"));
		return true;
	}
}

export interface CommandParts extends NativeParts {
	foreground: ForegroundCommands;
}

export async function runCommand(parts: CommandParts, call: ProxyCall): Promise<void> {
	const { maxBodyBytes, sandboxes, settings } = parts;
	const { id, request, response } = call;
	const asked = commandRequest(await readObject(request, maxBodyBytes), settings);
	if (!asked.background) {
		await runInForeground(parts, call, asked);
		return;
	}
	const { execId } = await sandboxes.commands.start(id, asked);
	await new CommandEvents(response, execId).complete(0);
}

async function runInForeground(parts: CommandParts, call: ProxyCall, asked: CommandRequest): Promise<void> {
	const { foreground, sandboxes } = parts;
	const { id, left, response } = call;
	// What has ended says so with a status; after the first event there is none any more.
	sandboxes.get(id);
	const execId = newExecId();
	const interrupted = foreground.add(id, execId);
	const events = new CommandEvents(response, execId);
	try {
		const { durationMs, exitCode, oom, timedOut } = await sandboxes.commands.stream(
			id,
			asked,
			(stream, bytes) => events.output(stream, bytes),
			AbortSignal.any([left, interrupted]),
		);
		if (timedOut) await events.failed("CommandTimeout", KILLED, `killed after ${asked.timeoutMs} ms`);
		else if (interrupted.aborted) await events.failed("CommandInterrupted", KILLED, "killed: interrupted");
		else if (exitCode === null) await events.failed("CommandKilled", KILLED, "killed");
		else if (exitCode === 0) await events.complete(durationMs);
		else {
			const why = oom ? "; a process of it was killed for want of memory" : "";
			await events.failed("CommandExecError", String(exitCode), `exit status ${exitCode}${why}`);
		}
	} catch (error) {
		const known = error instanceof RollpinError;
		await events.broken(known ? error.code : "internal", known ? error.message : "internal error");
		throw error;
	} finally {
		foreground.delete(execId);
	}
}

export function commandStatus(parts: CommandParts, { id, response }: ProxyCall, execId: string): void {
	const startedMs = parts.foreground.startedMs(id, execId);
	if (startedMs === null) {
		sendJson(response, 200, backgroundJson(parts.sandboxes.commands.background(id, execId)));
		return;
	}
	const started = { started_at: timeText(startedMs), finished_at: null };
	sendJson(response, 200, { id: execId, running: true, exit_code: null, ...started });
}

export function commandLogs(parts: CommandParts, { id, query, response }: ProxyCall, execId: string): void {
	const cursor = query.get("cursor") ?? "0";
	if (!/^\d{1,15}$/.test(cursor)) throw refusal("cursor", "must be the cursor of an earlier answer, or 0");
	const exec = parts.sandboxes.commands.background(id, execId);
	const { missingBytes, nextOffset, output } = exec.read(Number(cursor));
	const gap = missingBytes === 0 ? "" : `[... ${missingBytes} bytes are missing here ...]\n`;
	const text = gap + output.map((piece) => piece.text).join("");
	response.writeHead(200, {
		"content-type": "text/plain; charset=utf-8",
		"content-length": Buffer.byteLength(text),
		"execd-commands-tail-cursor": String(nextOffset),
	});
	response.end(text);
}

export async function interruptCommand(
	parts: CommandParts,
	{ id, query, response }: ProxyCall,
): Promise<void> {
	const execId = query.get("id") ?? "";
	if (!parts.foreground.interrupt(id, execId)) await parts.sandboxes.commands.kill(id, execId);
	sendJson(response, 200, {});
}

/** Whether commands run in it: one is tried. */
export async function ping(parts: CommandParts, { id, left, response }: ProxyCall): Promise<void> {
	const nothing = {
		argv: ["bash", "-c", ":"],
		stdin: null,
		env: {},
		cwd: null,
		timeoutMs: 10_000,
		outputLimitBytes: 2,
	};
	const { exitCode } = await parts.sandboxes.commands.run(id, nothing, left);
	if (exitCode !== 0)
		throw new RollpinError("sandbox_backend_unavailable", `no command runs in sandbox ${id}`, {
			retryAfterS: 1,
		});
	sendJson(response, 200, {});
}
