// Tells the engine by an attempt's id that nobody wants it any more. Best effort: nothing waits for it but the close.
import { Pool } from "undici";
import type { EngineDialect } from "../engine.js";
import { headerValue } from "./headers.js";

/** One notice, from the call to its answer. */
const TIMEOUT_MS = 2_000;
const MAX_CONNECTIONS = 16;
/** Notices under way; what comes on top is left to the engine, which looks for lost clients by itself. */
const MAX_UNDER_WAY = 1_024;

export class AbortRequests {
	readonly #pool: Pool;
	readonly #basePath: string;
	readonly #dialect: EngineDialect;
	readonly #underWay = new Set<Promise<void>>();

	/** @param basePath stands in front of the path, without a final slash */
	constructor(origin: string, basePath: string, dialect: EngineDialect) {
		this.#pool = new Pool(origin, {
			connections: MAX_CONNECTIONS,
			pipelining: 1,
			allowH2: false,
			connect: { timeout: TIMEOUT_MS },
			headersTimeout: TIMEOUT_MS,
			bodyTimeout: TIMEOUT_MS,
			keepAliveTimeout: TIMEOUT_MS,
		});
		this.#basePath = basePath;
		this.#dialect = dialect;
	}

	/**
	 * An engine may notice a closed connection only when it looks (SGLang: every 2 s); this ends the run at once.
	 * @param chatHeaders of the request that is given up; what routes and authorizes goes along
	 */
	send(attemptId: string, chatHeaders: readonly string[]): void {
		if (this.#underWay.size >= MAX_UNDER_WAY) return;
		const headers = ["content-type", "application/json"];
		for (const name of ["x-smg-routing-key", "authorization"]) {
			const value = headerValue(chatHeaders, name);
			if (value !== undefined) headers.push(name, value);
		}
		const { path, body } = this.#dialect.abortRequest(attemptId);
		const notice = this.#post(this.#basePath + path, headers, body).finally(() =>
			this.#underWay.delete(notice),
		);
		this.#underWay.add(notice);
	}

	async #post(path: string, headers: string[], body: string): Promise<void> {
		try {
			const signal = AbortSignal.timeout(TIMEOUT_MS);
			const reply = await this.#pool.request({ method: "POST", path, headers, body, signal });
			await reply.body.dump();
		} catch {
			// An engine without this path, or one that is gone: closing the chat's connection has to do.
		}
	}

	/** Lets what is under way end, then closes every connection. */
	async close(): Promise<void> {
		await Promise.all(this.#underWay);
		await this.#pool.destroy();
	}
}
