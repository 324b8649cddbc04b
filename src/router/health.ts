// GET /health, /ready and /cluster, from what the primary said last (docs/api.md). No secret is in the first two: they ask for no token.
import { areWell } from "../ipc/checks.js";
import type { ClusterSnapshot } from "../ipc/messages.js";

interface Answer {
	status: number;
	body: string;
}

/** Whether the cluster serves at all, and what of it is not well: 503 makes a supervisor restart it. */
export function healthOf(snapshot: ClusterSnapshot): Answer {
	const { checks, engineCheck, instanceId, phase, version, workers } = snapshot;
	const ready = workers.filter(({ state }) => state === "ready").length;
	// While the only worker is replaced requests wait, they do not fail.
	const replacing = workers.some((worker) => worker.replacing);
	const serving = (ready > 0 || replacing) && phase !== "draining";
	const refused = workers.reduce((sum, { heartbeat }) => sum + (heartbeat?.partitions_refused ?? 0), 0);
	const body = JSON.stringify({
		status: serving ? (areWell(checks) ? "ok" : "degraded") : phase === "ok" ? "degraded" : phase,
		version,
		session_server_instance_id: instanceId,
		workers: { ready, total: workers.length },
		partitions_refused: refused,
		upstream: checks.engine.state === "unreachable" ? "unreachable" : "ok",
		checks: {
			...Object.fromEntries(Object.entries(checks).map(([name, { state }]) => [name, state])),
			engine_check: engineCheck ?? "none",
		},
	});
	return { status: serving ? 200 : 503, body };
}

/** Whether new sessions are to be sent here: what a balancer asks. @param draining the router itself takes nothing new */
export function readyOf({ notReady, phase }: ClusterSnapshot, draining: boolean): Answer {
	const reasons = draining || phase === "draining" ? ["the cluster is shutting down"] : notReady;
	const ready = reasons.length === 0;
	return { status: ready ? 200 : 503, body: JSON.stringify({ ready, reasons }) };
}

/** The snapshot in the wire's spelling. */
export function clusterOf(snapshot: ClusterSnapshot): string {
	return JSON.stringify({
		status: snapshot.phase,
		version: snapshot.version,
		session_server_instance_id: snapshot.instanceId,
		started_at: snapshot.startedAt,
		url: snapshot.url,
		upstream: snapshot.upstream,
		checks: snapshot.checks,
		not_ready: snapshot.notReady,
		workers: snapshot.workers.map(({ index, state, pid, epoch, replacing, drain, heartbeat }) => ({
			worker: index,
			state,
			pid,
			epoch,
			replacing,
			drain,
			heartbeat,
		})),
	});
}
