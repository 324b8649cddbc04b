// Entry of a worker process: builds the rooms, serves, reports, drains. The order of start and end is all it decides.
import type { Server } from "node:http";
import { systemClock } from "../base/clock.js";
import { ConfigError } from "../base/errors.js";
import type { WorkerIndex } from "../base/ids.js";
import { EngineClient } from "../engine/client.js";
import { connectToPrimary } from "../ipc/child-channel.js";
import type { ClusterConfig } from "../ipc/config.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject } from "../json/value.js";
import { linearPolicy } from "../session/linear.js";
import { messageMatcher } from "../session/matcher.js";
import { SessionRegistry } from "../session/registry.js";
import { treePolicy } from "../session/tree.js";
import { createLogger, type Logger } from "../telemetry/logger.js";
import { createLoopLag } from "../telemetry/loop-lag.js";
import { createTito } from "../tito/create.js";
import { Admission } from "./admission.js";
import type { WorkerContext } from "./context.js";
import { drainServer } from "./drain.js";
import { openStore } from "./open-store.js";
import { listen } from "./server.js";

const HOT_BYTES_BUDGET = 256 * 1024 * 1024;

interface Running {
	context: WorkerContext;
	server: Server;
	logger: Logger;
}

const startedMs = systemClock.monotonicMs();
const loopLag = createLoopLag();
let running: Running | null = null;
let draining = false;

const channel = connectToPrimary("worker", { onTerminate: () => terminate() });

channel.on("start_worker", (message) => {
	start(message.index as WorkerIndex, message.epoch, message.socketPath, message.config).catch(
		(error: unknown) => {
			const text = error instanceof Error ? error.message : String(error);
			void channel.fail(`worker ${message.index}: ${text}`, error instanceof ConfigError ? 2 : 1);
		},
	);
});

channel.on("ask_stats", () => {
	if (running === null) return;
	const { admission, counters, registry, store } = running.context;
	void store.sizeBytes().then((storeBytes) =>
		channel.send({
			type: "stats",
			stats: {
				uptimeS: Math.round((systemClock.monotonicMs() - startedMs) / 1000),
				loopLagP99Ms: loopLag.takeP99Ms(),
				inflight: admission.inflight,
				reqsTotal: counters.requests,
				turnsCompleted: counters.turnsCompleted,
				sessions: registry.size,
				queueDepth: registry.queueDepth,
				storeBytes,
			},
		}),
	);
});

channel.on("drain", ({ timeoutMs }) => {
	startDrain(timeoutMs);
});

async function start(
	index: WorkerIndex,
	epoch: number,
	socketPath: string,
	config: ClusterConfig,
): Promise<void> {
	const logger = createLogger({
		role: "worker",
		worker: index,
		level: config.log.level,
		format: config.log.format,
	});
	const [tito, store] = await Promise.all([
		createTito({
			checkpointDir: config.checkpointDir,
			chatTemplateFile: config.chatTemplateFile,
			chatTemplateKwargs: parseJson(config.chatTemplateKwargsJson) as JsonObject,
			titoModel: config.titoModel,
		}),
		openStore(config, index, epoch),
	]);
	const { limits } = config;
	const registry = new SessionRegistry(
		store,
		{
			sessionTtlS: config.sessionTtlS,
			maxSessionTtlS: config.maxSessionTtlS,
			idleTtlS: config.sessionIdleTtlS,
			maxSessions: limits.maxSessionsPerWorker,
			maxQueuePerSession: limits.maxQueuePerSession,
			hotBytesBudget: HOT_BYTES_BUDGET,
		},
		{
			created: (meta) => logger.event("session_created", { session_id: meta.id, expires_at: meta.expiresAt }),
			deleted: (meta, cancelled) =>
				logger.event("session_deleted", { session_id: meta.id, turns: meta.turnCount, cancelled }),
			reaped: (meta, reason, overdueMs) =>
				logger.event("session_reaped", {
					session_id: meta.id,
					reason,
					turns: meta.turnCount,
					overdue_ms: Math.round(overdueMs),
				}),
			failed: (id, error) =>
				logger.event("request_error", {
					x_request_id: "",
					method: "TIMER",
					path: `/sessions/${id}`,
					err: error,
				}),
		},
		systemClock,
	);
	// Before the first request: a session whose deadline passed while nobody ran must not be served once more.
	await registry.start();
	const context: WorkerContext = {
		index,
		config,
		registry,
		store,
		tito,
		engine: new EngineClient({ baseUrl: config.upstream ?? "", timeoutMs: config.upstreamTimeoutMs }),
		matcher: messageMatcher(config.messageMatcher),
		policy: config.mode === "tree" ? treePolicy : linearPolicy,
		admission: new Admission(limits.maxInflightPerWorker, limits.maxInflightBytesPerWorker),
		counters: { requests: 0, turnsCompleted: 0 },
		logger,
		clock: systemClock,
	};
	const server = await listen(context, socketPath);
	running = { context, server, logger };
	await channel.send({ type: "ready", socketPath });
}

/** SIGTERM to this process alone: tell the primary first, so that nothing new is sent here. */
function terminate(): void {
	if (running === null) process.exit(0);
	void channel.send({ type: "draining" });
	startDrain(running.context.config.drainTimeoutMs);
}

function startDrain(timeoutMs: number): void {
	if (draining) return;
	draining = true;
	void drain(timeoutMs);
}

async function drain(timeoutMs: number): Promise<void> {
	if (running !== null) {
		const { context, server, logger } = running;
		await drainServer(server, timeoutMs);
		context.registry.stop();
		await context.engine.close();
		await context.store.close();
		logger.flush();
	}
	await channel.send({ type: "drained" });
	process.exit(0);
}
