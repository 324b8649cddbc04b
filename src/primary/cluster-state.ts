// What the cluster looks like from outside, computed from its slots. Pure.
import type { ClusterPhase, ClusterSnapshot, WorkerStatus } from "../ipc/messages.js";

/** Where the cluster stands in its life: `up` once the first start is complete. */
export type ClusterStage = "starting" | "up" | "draining";

export function phaseOf(stage: ClusterStage, workers: readonly Pick<WorkerStatus, "state">[]): ClusterPhase {
	if (stage !== "up") return stage;
	return workers.some(({ state }) => state === "ready") ? "ok" : "degraded";
}

export function snapshotOf(
	stage: ClusterStage,
	cluster: Omit<ClusterSnapshot, "phase" | "workers">,
	workers: readonly WorkerStatus[],
): ClusterSnapshot {
	return { phase: phaseOf(stage, workers), ...cluster, workers: [...workers] };
}

export type StartProgress = "waiting" | "complete" | "hopeless";

/**
 * Whether the first start is over: every worker is ready or in quarantine, and the router is ready.
 * Hopeless: all workers are in quarantine; that ends the cluster later on, too.
 */
export function startProgress(
	workers: readonly Pick<WorkerStatus, "state">[],
	routerReady: boolean,
): StartProgress {
	if (workers.every(({ state }) => state === "quarantined")) return "hopeless";
	const settled = workers.every(({ state }) => state === "ready" || state === "quarantined");
	return settled && routerReady ? "complete" : "waiting";
}
