// What the cluster is, and what it does next, for every mixture of its workers' states.
import { expect, test } from "vitest";
import type { WorkerStatus } from "../../src/ipc/messages.js";
import { type ClusterStage, phaseOf, stepsAfter, whyNoReload } from "../../src/primary/cluster-state.js";

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
	expect(phaseOf(stage, workers(...states), true)).toBe(phase);
});

test.each<[ClusterStage, string]>([
	["starting", "starting"],
	["up", "degraded"],
	["draining", "draining"],
])("in stage %s with something that is not well it is %s", (stage, phase) => {
	expect(phaseOf(stage, workers("ready", "ready"), false)).toBe(phase);
});

test.each<[ClusterStage, WorkerStatus["state"][], boolean, WorkerStatus["state"], string]>([
	["starting", ["ready", "ready"], true, "ready", "up"],
	["starting", ["ready", "ready"], false, "ready", ""],
	["starting", ["ready", "starting"], true, "ready", ""],
	["starting", ["ready", "down"], true, "ready", ""],
	["starting", ["ready", "quarantined"], true, "ready", "up"],
	["starting", ["ready", "quarantined"], true, "quarantined", "up, degraded"],
	["starting", ["quarantined", "starting"], true, "quarantined", "degraded"],
	["starting", ["quarantined", "quarantined"], true, "quarantined", "fail"],
	["starting", ["quarantined", "quarantined"], false, "quarantined", "fail"],
	["up", ["ready", "ready"], true, "ready", ""],
	["up", ["ready", "quarantined"], true, "quarantined", "degraded"],
	["up", ["quarantined", "quarantined"], true, "quarantined", "fail"],
	["draining", ["quarantined", "quarantined"], true, "quarantined", ""],
	["draining", ["down", "quarantined"], true, "quarantined", ""],
])("%s, workers %j, router ready: %s; one became %s: %s", (stage, states, routerReady, changed, steps) => {
	expect(stepsAfter(stage, workers(...states), routerReady, changed).join(", ")).toBe(steps);
});

test.each<[ClusterStage, "disk" | "memory", RegExp | null]>([
	["up", "disk", null],
	["up", "memory", /^--store memory would lose/],
	["starting", "disk", /^the cluster is starting$/],
	["draining", "memory", /^the cluster is draining$/],
])("in stage %s with store %s a reload is refused: %s", (stage, store, reason) => {
	const found = whyNoReload(stage, store);
	if (reason === null) expect(found).toBeNull();
	else expect(found).toMatch(reason);
});
