// The sandbox process's rooms, wired together: backend, core, routes, server. Knows nothing of processes or IPC.
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { PartitionMap } from "../base/partitions.js";
import type { ClusterConfig, SandboxConfig } from "../config/cluster-config.js";
import type { WorkerStatus } from "../ipc/messages.js";
import { netOptions, type WorkerAddress } from "../ipc/worker-address.js";
import type { SandboxBackend } from "../sandbox/backend.js";
import type { ReaperFigures } from "../sandbox/reaper.js";
import { diskRecords, memoryRecords } from "../sandbox/record-store.js";
import { Sandboxes } from "../sandbox/sandboxes.js";
import type { Logger } from "../telemetry/logger.js";
import type { Gauges, Metrics } from "../telemetry/metrics/metrics.js";
import { BoundSandboxes } from "./bound.js";
import { createListener } from "./listener.js";
import { SessionWorkers } from "./sessions.js";

export interface HostParts {
	config: ClusterConfig;
	sandbox: SandboxConfig;
	backend: SandboxBackend;
	/** It listens there. */
	address: WorkerAddress;
	workers: readonly WorkerStatus[];
	log: Logger;
	metrics: Metrics<"sandbox">;
}

export interface SandboxHost {
	gauges: Gauges<"sandbox">;
	reaper(): ReaperFigures;
	/** Where the sessions' workers are now. */
	workersAre(workers: readonly WorkerStatus[]): void;
	/** Takes nothing new, lets what runs end for at most `timeoutMs`, and closes everything. The sandboxes live on. */
	drain(timeoutMs: number): Promise<void>;
}

/** Longer than the router keeps an idle connection: the side that reuses connections must give up first. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

export async function startSandboxHost(parts: HostParts): Promise<SandboxHost> {
	const { address, backend, config, log, metrics, sandbox } = parts;
	const records =
		config.store === "memory" ? memoryRecords() : await diskRecords(join(config.dataDir, "sandboxes"));
	const workers = new SessionWorkers(new PartitionMap(config.backends));
	workers.update(parts.workers);
	const sandboxes = new Sandboxes({
		backend,
		records,
		settings: sandbox,
		log,
		metrics,
		tell: (record) => workers.tell(record),
	});
	await sandboxes.start();
	const bound = new BoundSandboxes(sandboxes, workers);
	const server = createServer(
		{ keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS, requestTimeout: 0, maxHeaderSize: 32 * 1024, noDelay: true },
		createListener({
			sandboxes,
			bound,
			bind: (sessionId, request, options) => bound.bind(sessionId, request, options),
			settings: sandbox,
			maxBodyBytes: config.limits.maxBodyBytes,
			log,
			metrics,
		}),
	);
	await listen(server, address);
	return {
		gauges: {
			sandboxes: () => Object.entries(sandboxes.counts()).map(([state, count]) => [[state], count] as const),
			sandbox_reaper_age_seconds: () => sandboxes.reaper.figures().ageS,
			sandboxes_overdue: () => sandboxes.reaper.figures().overdue,
			sandbox_overdue_seconds: () => sandboxes.reaper.figures().worstOverdueMs / 1000,
		},
		workersAre: (now) => workers.update(now),
		reaper: () => sandboxes.reaper.figures(),
		async drain(timeoutMs) {
			await drainServer(server, timeoutMs);
			await sandboxes.close();
			await log.flush();
		},
	};
}

function listen(server: Server, address: WorkerAddress): Promise<void> {
	return new Promise((resolve, reject) => {
		server.once("error", reject);
		// What an earlier process left.
		if (address.kind === "socket") rmSync(address.path, { force: true });
		// Exclusive: otherwise node:cluster shares the socket through the primary.
		server.listen({ ...netOptions(address), exclusive: true }, () => resolve());
	});
}

/** Commands that outlast the time are killed: their clients are cut, and see that. */
function drainServer(server: Server, timeoutMs: number): Promise<void> {
	return new Promise((resolve) => {
		const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
		server.close(() => {
			clearTimeout(timer);
			resolve();
		});
		server.closeIdleConnections();
	});
}
