// Decides which worker a request goes to as things stand: to it now, later when it is back, or nowhere. Pure.
import { RollpinError } from "../base/errors.js";
import type { WorkerIndex } from "../base/ids.js";
import type { PartitionMap } from "../base/partitions.js";
import type { WorkerStatus } from "../ipc/messages.js";
import type { RouteLabel } from "./metrics.js";
import type { RelayTarget } from "./relay.js";
import { foreignCursor, type Route } from "./route.js";

export type WorkerRoute = Extract<Route, { kind: "create" | "list" | "session" }>;

/** The worker to relay to, the one to wait for, or the refusal. */
export type Destination = RelayTarget | { waitsFor: number } | RollpinError;

export interface WorkerLoad {
	/** By index. */
	workers: readonly WorkerStatus[];
	partitions: PartitionMap;
	/** Requests relayed to each worker and not answered yet. */
	inflight: readonly number[];
	/** A worker with this many is stuck, and gets no more. */
	maxInflight: number;
}

const RETRY_AFTER_S = 1;

/** @param random gives [0, 1): which of the ready workers a new session goes to */
export function chooseWorker(
	route: WorkerRoute,
	load: WorkerLoad,
	random: () => number = Math.random,
): Destination {
	const { workers, partitions } = load;
	switch (route.kind) {
		case "create": {
			const ready = workers.filter(({ state, drain }) => state === "ready" && !drain);
			const worker = ready[Math.floor(random() * ready.length)];
			if (worker === undefined) {
				const next = workers.find(({ awaited, drain }) => awaited && !drain);
				if (next !== undefined) return { waitsFor: next.index };
				const drained = workers.some(({ drain }) => drain);
				return unavailable(
					drained
						? "no worker takes new sessions, for some are drained (rollpin undrain ends that)"
						: "no worker is ready",
				);
			}
			const id = partitions.mint(worker.index as WorkerIndex);
			return targetOf(worker, load, route.path, `x-rollpin-session-id: ${id}\r\n`);
		}
		case "list": {
			if (route.worker >= partitions.workerCount) {
				return foreignCursor();
			}
			const worker = workers.find(
				(each) => each.index >= route.worker && (each.state === "ready" || each.awaited),
			);
			if (worker === undefined) return unavailable("no worker that could list is ready");
			return worker.awaited ? { waitsFor: worker.index } : targetOf(worker, load, route.path);
		}
		case "session": {
			const owner = partitions.ownerOf(route.partition);
			const worker = workers[owner];
			if (worker?.awaited === true) return { waitsFor: owner };
			if (worker === undefined || worker.state !== "ready") {
				return unavailable(`worker ${owner}, which owns this session, is not ready`);
			}
			return targetOf(worker, load, route.path);
		}
	}
}

/** 503 that may be tried again at once. */
export function unavailable(message: string): RollpinError {
	return new RollpinError("worker_unavailable", `${message}; try again`, { retryAfterS: RETRY_AFTER_S });
}

function targetOf(
	worker: WorkerStatus,
	load: WorkerLoad,
	path: RouteLabel,
	internalHeaders = "",
): RelayTarget | RollpinError {
	const { index, address } = worker;
	if (address === null) return unavailable(`worker ${index} is not ready`);
	if ((load.inflight[index] ?? 0) >= load.maxInflight) {
		return unavailable(`worker ${index} has too many requests running`);
	}
	return { worker: index, address, internalHeaders, path };
}
