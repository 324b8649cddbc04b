// What GET /health answers, as a table: the stage of the cluster, its workers and its checks in, code and status out.
import { expect, test } from "vitest";
import type { ClusterPhase, ClusterSnapshot, WorkerStatus } from "../../src/ipc/messages.js";
import { healthOf } from "../../src/router/health.js";

const OK = { state: "ok", detail: null } as const;

function snapshot(
	phase: ClusterPhase,
	workers: Array<Partial<WorkerStatus>>,
	isWell: boolean,
): ClusterSnapshot {
	return {
		phase,
		version: "0.0.0",
		instanceId: "i",
		startedAt: 1,
		url: null,
		upstream: null,
		sandbox: null,
		engineCheck: null,
		checks: { workers: OK, engine: OK, store: isWell ? OK : { state: "low", detail: null }, log: OK },
		notReady: [],
		workers: workers.map((given, index) => ({
			index,
			state: "ready",
			pid: 1,
			epoch: 1,
			awaited: false,
			drain: false,
			address: null,
			heartbeat: null,
			...given,
		})),
	};
}

const FIRST: Partial<WorkerStatus> = { state: "starting", awaited: true };

test.each<[string, ClusterPhase, Array<Partial<WorkerStatus>>, boolean, number, string]>([
	["nothing is ready at the start", "starting", [FIRST, FIRST], true, 503, "starting"],
	["nothing is ready at the start, and not all is well", "starting", [FIRST, FIRST], false, 503, "starting"],
	["one of two is ready at the start", "starting", [{}, FIRST], true, 200, "starting"],
	["one of two is ready at the start, and not all is well", "starting", [{}, FIRST], false, 200, "degraded"],
	["all are ready", "ok", [{}, {}], true, 200, "ok"],
	["all are ready, and not all is well", "degraded", [{}, {}], false, 200, "degraded"],
	["the only one is replaced", "degraded", [{ state: "draining", awaited: true }], true, 200, "ok"],
	["the only one crashed", "degraded", [{ state: "starting" }], true, 503, "degraded"],
	["it drains", "draining", [{}], true, 503, "draining"],
])("when %s", (_name, phase, workers, isWell, code, status) => {
	const answer = healthOf(snapshot(phase, workers, isWell));
	expect([answer.status, (JSON.parse(answer.body) as { status: string }).status]).toEqual([code, status]);
});
