// Plain calls of the Docker Engine API over its Unix socket (https://docs.docker.com/reference/api/engine/). Each has its own time limit; repeats none.
import { Pool } from "undici";
import { RollpinError } from "../../base/errors.js";

export interface EngineReply {
	status: number;
	/** The JSON value of the reply; its text where it is none. */
	body: unknown;
}

export interface EngineCall {
	method: "GET" | "POST" | "DELETE";
	/** With its query. No version in front: the engine's own then, whichever it still speaks. */
	path: string;
	/** Sent as JSON. */
	body?: unknown;
	/** Of the whole call. */
	limitMs: number;
	signal: AbortSignal;
}

/** A list of some thousand containers is about this long. */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

export class Engine {
	readonly socketPath: string;
	readonly #pool: Pool;

	constructor(socketPath: string) {
		this.socketPath = socketPath;
		// The limits are those of each call.
		this.#pool = new Pool("http://engine", { socketPath, headersTimeout: 0, bodyTimeout: 0 });
	}

	/**
	 * Whatever the engine answers.
	 * @throws RollpinError `sandbox_backend_unavailable`: it does not answer, or not in time; the signal's reason when that fired
	 */
	async call({ method, path, body, limitMs, signal }: EngineCall): Promise<EngineReply> {
		signal.throwIfAborted();
		const limit = AbortSignal.timeout(limitMs);
		try {
			const reply = await this.#pool.request({
				method,
				path,
				headers: body === undefined ? {} : { "content-type": "application/json" },
				body: body === undefined ? null : JSON.stringify(body),
				signal: AbortSignal.any([signal, limit]),
			});
			const pieces: Buffer[] = [];
			let length = 0;
			for await (const piece of reply.body as AsyncIterable<Buffer>) {
				length += piece.length;
				if (length > MAX_REPLY_BYTES) throw new Error(`its reply is over ${MAX_REPLY_BYTES} bytes`);
				pieces.push(piece);
			}
			return { status: reply.statusCode, body: parsed(Buffer.concat(pieces).toString("utf8")) };
		} catch (error) {
			signal.throwIfAborted();
			throw limit.aborted
				? unavailable(`the container engine did not answer ${method} ${bare(path)} within ${limitMs} ms`)
				: this.unreachable(error);
		}
	}

	/** The error of a connection that failed. */
	unreachable(cause: unknown): RollpinError {
		const { code, message } = cause as { code?: string; message?: string };
		const remedy =
			code === "ENOENT" || code === "ECONNREFUSED"
				? "; start it, or name its socket with --sandbox-docker-socket"
				: code === "EACCES"
					? "; this user may not open it"
					: "";
		const text = `the container engine at ${this.socketPath} does not answer: ${code ?? message ?? cause}${remedy}`;
		return unavailable(text, cause);
	}

	async close(): Promise<void> {
		await this.#pool.destroy();
	}
}

/** The body, when the status is one of `statuses`. @throws RollpinError `sandbox_backend_unavailable` with the engine's words */
export function expectStatus(reply: EngineReply, statuses: readonly number[], doing: string): unknown {
	if (statuses.includes(reply.status)) return reply.body;
	throw unavailable(
		`the container engine refused to ${doing}: ${messageOf(reply)} (HTTP status ${reply.status})`,
	);
}

/** What an error reply says. */
export function messageOf({ body }: EngineReply): string {
	const message = (body as { message?: unknown } | null)?.message;
	return typeof message === "string" ? message : String(body).slice(0, 1_000);
}

export function unavailable(message: string, cause?: unknown): RollpinError {
	return new RollpinError("sandbox_backend_unavailable", message, { retryAfterS: 1, cause });
}

export function lost(id: string, why: string): RollpinError {
	return new RollpinError("sandbox_lost", `sandbox ${id} is gone: ${why}`);
}

function parsed(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

function bare(path: string): string {
	return path.split("?", 1)[0] ?? path;
}
