// Which worker a request goes to, as a table: the state of the workers in, target, wait or refusal out.
import { describe, expect, test } from "vitest";
import type { Partition, SessionId } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import type { WorkerStatus } from "../../src/ipc/messages.js";
import { chooseWorker, type WorkerRoute } from "../../src/router/choose-worker.js";

type State = WorkerStatus["state"] | "awaited" | "no socket" | "drained";

function status(index: number, state: State): WorkerStatus {
	return {
		index,
		state: state === "awaited" ? "draining" : state === "no socket" || state === "drained" ? "ready" : state,
		pid: 1,
		epoch: 1,
		awaited: state === "awaited",
		drain: state === "drained",
		address: state === "ready" || state === "drained" ? { kind: "socket", path: `/w${index}` } : null,
		heartbeat: null,
	};
}

/** `w<n>`: goes there; `waits <n>`; else the code of the refusal and the beginning of its message. */
function chosen(
	route: WorkerRoute,
	states: readonly State[],
	inflight: readonly number[],
	random = 0,
): string {
	const load = {
		workers: states.map((state, index) => status(index, state)),
		partitions: new PartitionMap(states.length),
		inflight,
		maxInflight: 4,
	};
	const destination = chooseWorker(route, load, () => random);
	if (destination instanceof Error) return `${destination.code}: ${destination.message}`;
	if ("waitsFor" in destination) return `waits ${destination.waitsFor}`;
	return `w${destination.worker} ${destination.internalHeaders}`.trim();
}

const ON_1: WorkerRoute = {
	kind: "session",
	id: "a" as SessionId,
	partition: 1 as Partition,
	path: "/sessions/{id}",
};
const CREATE: WorkerRoute = { kind: "create", path: "/sessions" };

describe("a session's request", () => {
	test.each<[State, number, string]>([
		["ready", 0, "w1"],
		["ready", 3, "w1"],
		["ready", 4, "worker_unavailable: worker 1 has too many requests running; try again"],
		["drained", 0, "w1"],
		["awaited", 0, "waits 1"],
		["awaited", 99, "waits 1"],
		["starting", 0, "worker_unavailable: worker 1, which owns this session, is not ready; try again"],
		["draining", 0, "worker_unavailable: worker 1, which owns this session, is not ready; try again"],
		["down", 0, "worker_unavailable: worker 1, which owns this session, is not ready; try again"],
		["quarantined", 0, "worker_unavailable: worker 1, which owns this session, is not ready; try again"],
		["no socket", 0, "worker_unavailable: worker 1 is not ready; try again"],
	])("whose owner is %s with %i running: %s", (state, running, outcome) => {
		expect(chosen(ON_1, ["ready", state], [0, running])).toBe(outcome);
	});
});

describe("a new session", () => {
	test.each([
		[0, 0],
		[0.49, 0],
		[0.5, 2],
		[0.99, 2],
	])(
		"goes to one of the ready workers: at %f to worker %i, with an id that this worker owns",
		(random, index) => {
			const outcome = chosen(CREATE, ["ready", "down", "ready"], [], random);
			const id = /^w(\d) x-rollpin-session-id: (\w{32})$/.exec(outcome);
			expect(Number(id?.[1])).toBe(index);
			expect(new PartitionMap(3).workerOf(id?.[2] as SessionId)).toBe(index);
		},
	);

	test("goes to no worker that is drained, and is refused when no other is ready", () => {
		for (const random of [0, 0.5, 0.99])
			expect(chosen(CREATE, ["drained", "ready", "drained"], [], random)).toMatch(/^w1 /);
		for (const states of [["drained"], ["down", "drained"]] as State[][]) {
			expect(chosen(CREATE, states, [])).toBe(
				"worker_unavailable: no worker takes new sessions, for some are drained (rollpin undrain ends that); try again",
			);
		}
		expect(chosen(CREATE, ["drained", "awaited"], [])).toBe("waits 1");
	});

	test("waits for the first that is replaced when none is ready, and is refused when none comes", () => {
		expect(chosen(CREATE, ["down", "awaited", "awaited"], [])).toBe("waits 1");
		expect(chosen(CREATE, ["down", "starting"], [])).toBe(
			"worker_unavailable: no worker is ready; try again",
		);
	});
});

describe("a list", () => {
	test.each<[number, State[], string]>([
		[0, ["ready", "ready"], "w0"],
		[1, ["ready", "ready"], "w1"],
		[0, ["down", "ready"], "w1"],
		[0, ["awaited", "ready"], "waits 0"],
		[1, ["ready", "down"], "worker_unavailable: no worker that could list is ready; try again"],
		[2, ["ready", "ready"], "invalid_request: cursor is not one of ours; use next_cursor of the page before"],
	])("from worker %i with %j: %s", (worker, states, outcome) => {
		expect(chosen({ kind: "list", worker, path: "/sessions" }, states, [])).toBe(outcome);
	});
});
