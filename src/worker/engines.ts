// Which engine a session's turns go to, and the making of its client. One engine today: nothing else may assume that.
import type { SessionId } from "../base/ids.js";
import type { EngineConfig, Limits } from "../config/cluster-config.js";
import { EngineClient } from "../engine/http/client.js";
import { sglang } from "../engine/sglang/sglang.js";
import type { Logger } from "../telemetry/logger.js";
import type { EngineGate } from "./engine-gate.js";
import { EngineTally } from "./engine-tally.js";

/** One engine as a worker has it. */
export interface WorkerEngine {
	readonly client: EngineClient;
	/** What is known of it, and whether chats may go there; null when nobody asked it. */
	readonly gate: EngineGate | null;
	readonly tally: EngineTally;
}

export interface EngineDirectory {
	/** The same one for all requests of a session, because its KV cache holds the session's prefix. */
	of(session: SessionId): WorkerEngine;
	all(): readonly WorkerEngine[];
	/** Cancels what runs there and closes every connection. */
	close(): Promise<void>;
}

/** A directory of one engine, which may be changed for another. */
export interface OneEngine extends EngineDirectory {
	/** From now on chats go there; those that run on the one before end there. */
	change(engine: Omit<WorkerEngine, "tally">): void;
}

export function oneEngine(first: Omit<WorkerEngine, "tally">): OneEngine {
	const withTally = (engine: Omit<WorkerEngine, "tally">): WorkerEngine => ({
		...engine,
		tally: new EngineTally(engine.client),
	});
	let engine = withTally(first);
	/** Chats that began before a change still go there; an idle one has no connections. */
	const before: EngineClient[] = [];
	return {
		of: () => engine,
		all: () => [engine],
		change(next) {
			before.push(engine.client);
			engine = withTally(next);
		},
		async close() {
			await Promise.all([engine.client, ...before].map((client) => client.close()));
		},
	};
}

/** @param onChange it became unreachable for this worker, or answers again */
export function connectEngine(
	config: EngineConfig & { limits: Pick<Limits, "maxReplyBytes"> },
	logger: Logger,
	onChange: () => void,
): EngineClient {
	const { upstream: url } = config;
	if (url === null) throw new Error("an engine is connected to when its URL is known");
	return new EngineClient({
		baseUrl: url,
		dialect: sglang,
		timeoutMs: config.upstreamTimeoutMs,
		maxReplyBytes: () => config.limits.maxReplyBytes,
		breaker: {
			opened(failures, retryAfterMs) {
				logger.event(
					"breaker_opened",
					{ url, failures, retry_after_ms: retryAfterMs },
					`${failures} exchanges with the engine at ${url} failed in a row; chats answer 503 until a probe succeeds`,
				);
				onChange();
			},
			closed() {
				logger.event("breaker_closed", { url }, `the engine at ${url} answers again`);
				onChange();
			},
		},
	});
}
