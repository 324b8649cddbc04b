// Kills one worker after the other at a fixed pace, ready or not, as a node that is short of memory does.
import { isRunning } from "../support/cluster-process.js";
import { type Hit, hit } from "./hits.js";
import type { KeptCluster } from "./kept-cluster.js";

export interface SteadyKillerOptions {
	/** By `performance.now()`. */
	untilMs: number;
	everyMs: number;
	onHit: (hit: Hit) => void;
}

/** Resolves when every killed worker has a successor that is ready. */
export async function runSteadyKiller(cluster: KeptCluster, options: SteadyKillerOptions): Promise<Hit[]> {
	const { everyMs, onHit, untilMs } = options;
	const hits: Array<Promise<Hit>> = [];
	let turn = 0;
	for (let dueMs = performance.now() + everyMs; dueMs < untilMs; dueMs += everyMs) {
		await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
		const worker = turn++ % cluster.backends;
		// On a busy machine it may not even have a successor yet: then there is nothing to kill.
		if (!isRunning(cluster.worker(worker).pid)) continue;
		const made = hit(cluster, "worker SIGKILL", worker, 0);
		// Awaited below, with the others; a failure is no unhandled one meanwhile.
		made.then(onHit, () => undefined);
		hits.push(made);
	}
	return await Promise.all(hits);
}
