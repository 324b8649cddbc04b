// What the cluster looks like from outside, computed from its slots. Pure.
import type { ClusterConfig } from "../config/cluster-config.js";
import { areWell } from "../ipc/checks.js";
import type { ClusterPhase, ClusterSnapshot, SandboxStatus, WorkerStatus } from "../ipc/messages.js";

/** Where the cluster stands in its life: `up` once the first start is complete. */
export type ClusterStage = "starting" | "up" | "draining";

/** @param isWell no check has anything to say */
export function phaseOf(
	stage: ClusterStage,
	workers: readonly Pick<WorkerStatus, "state">[],
	isWell: boolean,
): ClusterPhase {
	if (stage !== "up") return stage;
	return isWell && workers.some(({ state }) => state === "ready") ? "ok" : "degraded";
}

type SlotFacts = Pick<WorkerStatus, "index" | "state" | "pid" | "epoch" | "awaited">;

/** @param path of the socket that its process listens on, once it is ready */
export function workerStatus(
	{ index, state, pid, epoch, awaited }: SlotFacts,
	{ drain, heartbeat, path }: Pick<WorkerStatus, "drain" | "heartbeat"> & { path: string },
): WorkerStatus {
	const listens = state === "ready" || state === "draining";
	const address = listens ? ({ kind: "socket", path } as const) : null;
	return { index, state, pid, epoch, awaited, drain, address, heartbeat };
}

/** @param path as of `workerStatus` */
export function sandboxStatus({ state, pid, epoch }: SlotFacts, path: string): SandboxStatus {
	return { state, pid, epoch, address: state === "ready" ? { kind: "socket", path } : null };
}

export function snapshotOf(
	stage: ClusterStage,
	cluster: Omit<ClusterSnapshot, "phase" | "workers">,
	workers: readonly WorkerStatus[],
): ClusterSnapshot {
	return { phase: phaseOf(stage, workers, areWell(cluster.checks)), ...cluster, workers: [...workers] };
}

/** `fail`: the cluster ends; `up`: its first start is complete; `degraded`: it goes on without the worker that changed. */
export type Step = "fail" | "up" | "degraded";

/**
 * What follows from a child's new state. The first start is complete when every worker is ready or in quarantine and the
 * router is ready. With every worker in quarantine the cluster ends, later on too.
 */
export function stepsAfter(
	stage: ClusterStage,
	workers: readonly Pick<WorkerStatus, "state">[],
	routerReady: boolean,
	changed: WorkerStatus["state"],
): Step[] {
	if (stage === "draining") return [];
	if (workers.every(({ state }) => state === "quarantined")) return ["fail"];
	const settled = workers.every(({ state }) => state === "ready" || state === "quarantined");
	return [
		...(stage === "starting" && settled && routerReady ? (["up"] as const) : []),
		...(changed === "quarantined" ? (["degraded"] as const) : []),
	];
}

/** Why the workers can't be replaced now, in words; null when they can. */
export function whyNoReload(stage: ClusterStage, store: ClusterConfig["store"]): string | null {
	if (stage !== "up") return `the cluster is ${stage}`;
	return store === "memory" ? "--store memory would lose every session with its worker" : null;
}
