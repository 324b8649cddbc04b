// Asks a running cluster over HTTP, for the commands of whoever looks after it. Knows a cluster by its URL only.
import { ConfigError, ERROR_STATUS, type ErrorCode, RollpinError } from "../base/errors.js";
import { noCluster, reasonOf } from "../demo/no-cluster.js";
import { printable } from "./printable.js";

export interface ClusterAddress {
	url: string;
	authToken: string | null;
}

const TIMEOUT_MS = 30_000;

export class ClusterClient {
	readonly url: string;
	readonly #headers: Record<string, string>;
	readonly #stop: AbortSignal | undefined;
	readonly #timeoutMs: number;

	/**
	 * @param stop ends every request; each then fails with its reason
	 * @param timeoutMs of one request, from its call to its answer's last byte
	 */
	constructor({ url, authToken }: ClusterAddress, stop?: AbortSignal, timeoutMs = TIMEOUT_MS) {
		this.url = url;
		this.#timeoutMs = timeoutMs;
		this.#headers = authToken === null ? {} : { authorization: `Bearer ${authToken}` };
		this.#stop = stop;
	}

	/**
	 * The JSON of an answer. What of it is there is for the caller to look at: the cluster may be of another version.
	 * @throws ConfigError when no cluster answers, or it asks for a token; RollpinError for a refusal, under its code
	 */
	async ask<Answer>(method: "GET" | "POST", path: string): Promise<Answer> {
		const { status, text } = await this.#send(method, path);
		const answer = this.#parsed(text);
		if (status >= 400) throw refusal(status, answer);
		return answer as Answer;
	}

	/** As `ask` of GET, whatever the status: `/health` says more with its 503. */
	async askAnyway<Answer>(path: string): Promise<Answer> {
		const { text } = await this.#send("GET", path);
		return this.#parsed(text) as Answer;
	}

	/** An answer that is no JSON, as it came; empty where it is an error. */
	async text(path: string): Promise<string> {
		const { status, text } = await this.#send("GET", path);
		return status === 200 ? text : "";
	}

	async #send(method: string, path: string): Promise<{ status: number; text: string }> {
		const timeout = AbortSignal.timeout(this.#timeoutMs);
		const signal = this.#stop === undefined ? timeout : AbortSignal.any([this.#stop, timeout]);
		let reply: Response;
		try {
			reply = await fetch(this.url + path, { method, headers: this.#headers, signal });
		} catch (error) {
			this.#stop?.throwIfAborted();
			if (timeout.aborted) throw this.#tooLate(path, error);
			throw noCluster(this.url, error);
		}
		if (reply.status === 401)
			throw new ConfigError(`${this.url} asks for a token; give the cluster's with --auth-token-file`);
		try {
			return { status: reply.status, text: await reply.text() };
		} catch (error) {
			this.#stop?.throwIfAborted();
			if (timeout.aborted) throw this.#tooLate(path, error);
			const why = `${this.url} did not finish its answer (${reasonOf(error)}); run it again`;
			throw new RollpinError("worker_unavailable", why, { cause: error });
		}
	}

	#tooLate(path: string, cause: unknown): RollpinError {
		const why = `${this.url} did not answer ${path} within ${this.#timeoutMs / 1000} s; is a worker stuck? see rollpin top`;
		return new RollpinError("request_timeout", why, { cause });
	}

	#parsed(text: string): unknown {
		try {
			return JSON.parse(text);
		} catch (error) {
			throw noCluster(this.url, error);
		}
	}
}

/** The error of a cluster's answer, as our own errors are. */
function refusal(status: number, answer: unknown): RollpinError {
	const { error } = (answer ?? {}) as { error?: { code?: unknown; message?: unknown } };
	const code = typeof error?.code === "string" && error.code in ERROR_STATUS ? error.code : "internal";
	const message = typeof error?.message === "string" ? error.message : `the cluster answered ${status}`;
	return new RollpinError(code as ErrorCode, printable(message), { status });
}
