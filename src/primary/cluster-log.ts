// The log records about the cluster as a whole. Logs only.
import type { ClusterConfig } from "../config/cluster-config.js";
import type { Heartbeat } from "../telemetry/heartbeat.js";
import type { Logger } from "../telemetry/logger.js";
import type { ChildSlot } from "./child-slot.js";

export function logClusterReady(
	log: Logger,
	config: ClusterConfig,
	url: string,
	upstream: string | null,
	{ router, workers }: { router: ChildSlot; workers: readonly ChildSlot[] },
): void {
	log.event(
		"cluster_ready",
		{
			url,
			backends: config.backends,
			worker_pids: workers.map(({ pid }) => pid ?? 0),
			router_pid: router.pid ?? 0,
			upstream: upstream ?? "",
			mode: config.mode,
			tito_model: config.titoModel,
			tito_model_from: config.titoModelWhy,
			data_dir: config.dataDir,
		},
		`ready at ${url} with ${config.backends} worker${config.backends === 1 ? "" : "s"}`,
	);
}

export function logDegraded(log: Logger, workers: readonly ChildSlot[]): void {
	const ready = workers.filter(({ state }) => state === "ready").length;
	const total = workers.length;
	log.event("cluster_degraded", { ready, total }, `${ready} of ${total} workers are ready`);
}

export function logSimEngine(log: Logger, url: string, controlUrl: string, pid: number): void {
	log.event(
		"sim_engine",
		{ url, control_url: controlUrl, sim_pid: pid },
		`no --upstream was given: a SIMULATED engine answers at ${url}; its tokens are noise, do not train on them`,
	);
}

export function logHeartbeat(log: Logger, heartbeat: Heartbeat): void {
	log.event("heartbeat", heartbeat, `worker ${heartbeat.worker} is alive`);
}

/** Worth a record from this many in a row on: one may come late. */
const MISSED_LIMIT = 3;

export function logHeartbeatMissed(log: Logger, { index, pid }: ChildSlot, missed: number): void {
	if (missed < MISSED_LIMIT) return;
	const fields = { worker: index, worker_pid: pid ?? 0, missed };
	log.event("heartbeat_missed", fields, `worker ${index} missed ${missed} heartbeats`);
}

export function logDrain(log: Logger, worker: number, drain: boolean): void {
	const msg = drain ? "gets no new sessions (rollpin drain)" : "gets new sessions again (rollpin undrain)";
	log.event("worker_drain", { worker, drain }, `worker ${worker} ${msg}`);
}
