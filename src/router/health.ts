// GET /health, /ready and /cluster, from what the primary said last (docs/api.md). No secret is in the first two: they ask for no token.
import { areWell } from "../ipc/checks.js";
import type { ClusterPhase, ClusterSnapshot } from "../ipc/messages.js";

interface Answer {
	status: number;
	body: string;
}

/** Whether the cluster serves at all, and what of it is not well: 503 makes a supervisor restart it. */
export function healthOf(snapshot: ClusterSnapshot): Answer {
	const { checks, engineCheck, instanceId, phase, version, workers } = snapshot;
	const ready = workers.filter(({ state }) => state === "ready").length;
	// While the only worker is replaced requests wait, they do not fail. At the first start nobody has seen it work yet.
	const replaced = phase !== "starting" && workers.some(({ awaited }) => awaited);
	const serving = (ready > 0 || replaced) && phase !== "draining";
	const refused = workers.reduce((sum, { heartbeat }) => sum + (heartbeat?.partitions_refused ?? 0), 0);
	const body = JSON.stringify({
		status: statusOf(snapshot, serving),
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

function statusOf({ checks, phase }: ClusterSnapshot, serving: boolean): ClusterPhase {
	if (phase === "draining") return phase;
	const well = areWell(checks);
	// A start that serves already and has something to complain of must say so.
	if (phase === "starting" && !(serving && !well)) return phase;
	return serving && well ? "ok" : "degraded";
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
		workers: snapshot.workers.map(({ index, state, pid, epoch, awaited, drain, heartbeat }) => ({
			worker: index,
			state,
			pid,
			epoch,
			awaited,
			drain,
			heartbeat,
		})),
		...(snapshot.sandbox === null ? {} : { sandbox: { ...snapshot.sandbox, address: undefined } }),
	});
}
