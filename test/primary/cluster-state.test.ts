// What the cluster says of itself, for every mixture of its workers' states.
import { expect, test } from "vitest";
import type { WorkerStatus } from "../../src/ipc/messages.js";
import { type ClusterStage, phaseOf, startProgress } from "../../src/primary/cluster-state.js";

const workers = (...states: WorkerStatus["state"][]): Array<Pick<WorkerStatus, "state">> =>
	states.map((state) => ({ state }));

test.each<[ClusterStage, WorkerStatus["state"][], string]>([
	["starting", ["ready", "ready"], "starting"],
	["up", ["ready", "ready"], "ok"],
	["up", ["ready", "down"], "ok"],
	["up", ["quarantined", "ready"], "ok"],
	["up", ["down", "starting"], "degraded"],
	["up", ["draining"], "degraded"],
	["draining", ["ready"], "draining"],
])("in stage %s with workers %j it is %s", (stage, states, phase) => {
	expect(phaseOf(stage, workers(...states))).toBe(phase);
});

test.each<[WorkerStatus["state"][], boolean, string]>([
	[["ready", "ready"], true, "complete"],
	[["ready", "ready"], false, "waiting"],
	[["ready", "starting"], true, "waiting"],
	[["ready", "down"], true, "waiting"],
	[["ready", "quarantined"], true, "complete"],
	[["quarantined", "starting"], true, "waiting"],
	[["quarantined", "quarantined"], true, "hopeless"],
	[["quarantined", "quarantined"], false, "hopeless"],
])("with workers %j and a router that is ready: %s, the start is %s", (states, routerReady, progress) => {
	expect(startProgress(workers(...states), routerReady)).toBe(progress);
});
