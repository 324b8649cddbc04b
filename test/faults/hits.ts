// Every kind of hit: what it does to a cluster, and when that is over. Chooses nothing.
import type { KeptCluster } from "./kept-cluster.js";

export const HIT_KINDS = [
	"worker SIGKILL",
	"worker SIGSTOP, SIGCONT",
	"worker SIGSTOP until killed",
	"worker SIGTERM",
	"router SIGKILL",
	"router SIGSTOP, SIGCONT",
	"worker and router SIGKILL",
	"primary SIGKILL",
	"primary SIGTERM",
	"primary SIGUSR2",
	"everything SIGKILL",
] as const;

export type HitKind = (typeof HIT_KINDS)[number];

export interface Hit {
	kind: HitKind;
	worker: number;
	/** Workers whose requests may fail because of it; none for a planned replacement. */
	mayFail: readonly number[];
	/** Processes that were killed or told to end. */
	kills: number;
	atMs: number;
	overMs: number;
}

const READY_MS = 20_000;
/** A stopped process is killed after 10 s of silence. */
const SILENCE_MS = 15_000;
const AFTER_CONTINUE_MS = 1_000;

/** Hits the cluster and waits until it serves again. @throws Error when it does not */
export async function hit(
	cluster: KeptCluster,
	kind: HitKind,
	worker: number,
	pauseMs: number,
): Promise<Hit> {
	const all = Array.from({ length: cluster.backends }, (_, index) => index);
	const atMs = performance.now();
	const done = (mayFail: readonly number[], kills: number): Hit => {
		return { kind, worker, mayFail, kills, atMs, overMs: performance.now() };
	};
	const one = cluster.worker(worker);
	const router = cluster.router();
	switch (kind) {
		case "worker SIGKILL":
			process.kill(one.pid, "SIGKILL");
			await cluster.workerReady(worker, one.epoch, READY_MS);
			return done([worker], 1);
		case "worker SIGSTOP, SIGCONT":
			process.kill(one.pid, "SIGSTOP");
			await pause(pauseMs);
			process.kill(one.pid, "SIGCONT");
			await pause(AFTER_CONTINUE_MS);
			return done([], 0);
		case "worker SIGSTOP until killed":
			process.kill(one.pid, "SIGSTOP");
			await cluster.workerReady(worker, one.epoch, SILENCE_MS + READY_MS);
			return done([worker], 1);
		case "worker SIGTERM":
			process.kill(one.pid, "SIGTERM");
			await cluster.workerReady(worker, one.epoch, READY_MS);
			return done([], 1);
		case "router SIGKILL":
			process.kill(router.pid, "SIGKILL");
			await cluster.routerReady(router.epoch, READY_MS);
			return done(all, 1);
		case "router SIGSTOP, SIGCONT":
			process.kill(router.pid, "SIGSTOP");
			await pause(pauseMs);
			process.kill(router.pid, "SIGCONT");
			await pause(AFTER_CONTINUE_MS);
			return done([], 0);
		case "worker and router SIGKILL":
			process.kill(one.pid, "SIGKILL");
			process.kill(router.pid, "SIGKILL");
			await Promise.all([
				cluster.workerReady(worker, one.epoch, READY_MS),
				cluster.routerReady(router.epoch, READY_MS),
			]);
			return done(all, 2);
		case "primary SIGKILL":
			cluster.served.signal("SIGKILL");
			await cluster.startAgain();
			return done(all, 1);
		case "primary SIGTERM": {
			cluster.served.signal("SIGTERM");
			const code = await cluster.startAgain();
			if (code !== 0) throw new Error(`SIGTERM ended the cluster with exit code ${code}`);
			return done(all, 1);
		}
		case "primary SIGUSR2": {
			const before = cluster.served.all("reload_done").length;
			cluster.served.signal("SIGUSR2");
			await cluster.served.event("reload_done", READY_MS * cluster.backends, (record) => {
				return cluster.served.all("reload_done").indexOf(record) >= before;
			});
			return done([], cluster.backends);
		}
		case "everything SIGKILL":
			cluster.served.signalGroup("SIGKILL");
			await cluster.startAgain();
			return done(all, cluster.backends + 2);
	}
}

function pause(ms: number): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}
