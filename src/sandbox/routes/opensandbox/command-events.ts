// A foreground command as the event stream of OpenSandbox's execd: init, stdout and stderr line by line, execution_complete or error.
import type { ServerResponse } from "node:http";
import { writable } from "../answers.js";
import { OutputLines } from "./output-lines.js";

/** Between two comments on a stream that says nothing: whatever stands between must not take it for dead. */
const KEEPALIVE_MS = 15_000;

export class CommandEvents {
	readonly #response: ServerResponse;
	readonly #lines = { stdout: new OutputLines(), stderr: new OutputLines() };
	readonly #timer: NodeJS.Timeout;

	/** @param execId the client asks for the command by it */
	constructor(response: ServerResponse, execId: string) {
		this.#response = response;
		response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
		response.write(frame({ type: "init", text: execId }));
		this.#timer = setInterval(() => response.write(": still running\n\n"), KEEPALIVE_MS);
	}

	/** Resolves when the client is ready for more, or gone. */
	async output(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> {
		await this.#write(stream, this.#lines[stream].add(bytes));
	}

	async complete(durationMs: number): Promise<void> {
		await this.#last({ type: "execution_complete", execution_time: durationMs });
		this.#response.end();
	}

	/** @param value an exit code as text: clients read one out of it */
	async failed(name: string, value: string, why: string): Promise<void> {
		await this.#last({ type: "error", error: errorOf(name, value, why) });
		this.#response.end();
	}

	/** The stream breaks off after the reason: a client must not take what the infrastructure did for the command's own end. */
	async broken(name: string, why: string): Promise<void> {
		await this.#last({ type: "error", error: errorOf(name, why, why) });
		this.#response.destroy();
	}

	async #last(event: Record<string, unknown>): Promise<void> {
		clearInterval(this.#timer);
		for (const stream of ["stdout", "stderr"] as const) await this.#write(stream, this.#lines[stream].end());
		const response = this.#response;
		if (response.destroyed) return;
		await new Promise<void>((resolve) => {
			response.write(frame(event), () => resolve());
		});
	}

	async #write(type: "stdout" | "stderr", lines: readonly string[]): Promise<void> {
		const response = this.#response;
		if (lines.length === 0 || response.destroyed) return;
		if (!response.write(lines.map((text) => frame({ type, text })).join(""))) await writable(response);
	}
}

function errorOf(ename: string, evalue: string, why: string): Record<string, unknown> {
	return { ename, evalue, traceback: [why] };
}

/** Some readers of event streams end a line at these, too (Python's str.splitlines). */
const OTHER_LINE_ENDS = /[\u0085\u2028\u2029]/g;

function frame(event: Record<string, unknown>): string {
	const data = JSON.stringify({ ...event, timestamp: Date.now() });
	const safe = data.replace(
		OTHER_LINE_ENDS,
		(end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
	return `data: ${safe}\n\n`;
}
