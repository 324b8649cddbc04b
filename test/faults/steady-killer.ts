// Kills one worker after the other at a fixed pace, ready or not, as a node that is short of memory does.
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
	for (let dueMs = performance.now() + everyMs; dueMs < untilMs; dueMs += everyMs) {
		await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
		const made = hit(cluster, "worker SIGKILL", hits.length % cluster.backends, 0);
		// Awaited below, with the others; a failure is no unhandled one meanwhile.
		made.then(onHit, () => undefined);
		hits.push(made);
	}
	return await Promise.all(hits);
}
