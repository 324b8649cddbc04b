// What /health and /ready say, for every thing that can be wrong.
import { describe, expect, it, test } from "vitest";
import type { Checks } from "../../src/ipc/checks.js";
import type { WorkerCondition, WorkerStatus } from "../../src/ipc/messages.js";
import { checksOf, type HealthFacts, transitions, whyNotReady } from "../../src/primary/health.js";

const MIB = 1024 * 1024;
const URL_OF_ENGINE = "http://user:secret@engine:30000/";
const NAME = "http://engine:30000";

const engine = (given: Partial<WorkerCondition["engines"][number]> = {}) => ({
	url: NAME,
	answers: 0,
	failures: 0,
	unreachable: false,
	refusing: false,
	unfit: null,
	...given,
});
const condition = (given: Partial<WorkerCondition> = {}): WorkerCondition => ({
	engines: [engine()],
	partitionsRefused: 0,
	storeWritable: true,
	storeRefusals: 0,
	logDropped: 0,
	...given,
});
type Worker = HealthFacts["workers"][number];
const worker = (given: Partial<Worker> = {}): Worker => ({
	index: 0,
	state: "ready",
	awaited: false,
	drain: false,
	condition: condition(),
	refusesTurns: false,
	...given,
});
const medium = (freeMib: number, totalMib = 1_000) => ({
	path: "/data",
	freeBytes: freeMib * MIB,
	totalBytes: totalMib * MIB,
	unwritable: null,
});
const facts = (given: Partial<HealthFacts> = {}): HealthFacts => ({
	starting: false,
	workers: [worker(), worker({ index: 1 })],
	upstreams: [URL_OF_ENGINE],
	probes: new Map([[URL_OF_ENGINE, null]]),
	medium: medium(900),
	storeBefore: "ok",
	dropsRecords: false,
	...given,
});
const statesOf = (checks: Checks) =>
	Object.fromEntries(Object.entries(checks).map(([name, { state }]) => [name, state]));
const WELL = { workers: "ok", engine: "ok", store: "ok", log: "ok" };
const gone = new Map([[URL_OF_ENGINE, "ECONNREFUSED"]]);
const both = (given: Partial<Worker>) => [worker(given), worker({ index: 1, ...given })];
const told = (given: Partial<WorkerCondition["engines"][number]>) => ({
	condition: condition({ engines: [engine(given)] }),
});

test.each<[string, Partial<HealthFacts>, Record<string, string>, string[]]>([
	["all is well", {}, {}, []],
	["a worker is down", { workers: [worker(), worker({ state: "down" })] }, { workers: "degraded" }, []],
	[
		"a worker is in quarantine",
		{ workers: [worker(), worker({ state: "quarantined" })] },
		{ workers: "degraded" },
		[],
	],
	[
		"every worker is down",
		{ workers: both({ state: "down" }) },
		{ workers: "degraded" },
		["no worker takes new sessions"],
	],
	[
		"it starts",
		{ starting: true, workers: both({ state: "starting" }) },
		{},
		["no worker takes new sessions"],
	],
	["the only worker is replaced", { workers: [worker({ state: "draining", awaited: true })] }, {}, []],
	[
		"every worker is drained by hand",
		{ workers: both({ drain: true }) },
		{},
		["no worker takes new sessions"],
	],
	[
		"nobody listens at the engine's address",
		{ probes: gone },
		{ engine: "unreachable" },
		["no engine is reachable"],
	],
	["the engine was not probed yet", { probes: new Map() }, { engine: "unknown" }, []],
	["no engine is known yet", { upstreams: [] }, { engine: "unknown" }, []],
	[
		"one worker's breaker is open",
		{ workers: [worker(told({ unreachable: true, refusing: true })), worker()] },
		{ engine: "unreachable" },
		[],
	],
	[
		"every breaker refuses",
		{ workers: both(told({ unreachable: true, refusing: true })) },
		{ engine: "unreachable" },
		["no engine is reachable"],
	],
	[
		"every breaker is open, and one would let a probe through",
		{ workers: [worker(told({ unreachable: true })), worker(told({ unreachable: true, refusing: true }))] },
		{ engine: "unreachable" },
		[],
	],
	[
		"one worker found the engine unfit",
		{ workers: [worker(told({ unfit: "it is SGLang 0.5.12" })), worker()] },
		{ engine: "failing" },
		[],
	],
	[
		"every worker found the engine unfit",
		{ workers: both(told({ unfit: "it is SGLang 0.5.12" })) },
		{ engine: "failing" },
		["no engine can be used"],
	],
	["half of the answers are errors", { workers: both(told({ answers: 10, failures: 5 })) }, {}, []],
	[
		"most answers are errors, over all workers",
		{ workers: [worker(told({ answers: 10, failures: 9 })), worker(told({ answers: 4, failures: 0 }))] },
		{ engine: "failing" },
		[],
	],
	[
		"the only answer is an error",
		{ workers: [worker(told({ answers: 1, failures: 1 }))] },
		{ engine: "failing" },
		[],
	],
	[
		"errors of another engine",
		{ workers: [worker(told({ url: "http://other", answers: 9, failures: 9 }))] },
		{},
		[],
	],
	["room is getting short", { medium: medium(127) }, { store: "low" }, []],
	["a large medium has a gigabyte left", { medium: medium(1_000, 1_000_000) }, { store: "low" }, []],
	["the medium is full", { medium: medium(63) }, { store: "full" }, ["the store is full"]],
	[
		"the data dir is read-only",
		{ medium: { ...medium(900), unwritable: "EROFS" } },
		{ store: "full" },
		["the store is full"],
	],
	[
		"the data dir is gone",
		{ medium: { path: "/data", missing: "ENOENT" } },
		{ store: "full" },
		["the store is full"],
	],
	[
		"a commit was refused though there is room",
		{ workers: [worker({ refusesTurns: true })] },
		{ store: "full" },
		["the store is full"],
	],
	[
		"partitions are not served",
		{ workers: [worker({ condition: condition({ partitionsRefused: 3 }) })] },
		{ store: "refused" },
		[],
	],
	[
		"no partition is served",
		{ workers: both({ condition: condition({ partitionsRefused: 32 }) }) },
		{ store: "refused" },
		["no part of the data dir is served"],
	],
	["a store in memory", { medium: null }, {}, []],
	["the log is not taken", { dropsRecords: true }, { log: "dropping" }, []],
])("when %s", (_what, given, expected, reasons) => {
	const checks = checksOf(facts(given));
	expect(statesOf(checks)).toEqual({ ...WELL, ...expected });
	expect(whyNotReady(facts(given), checks)).toEqual(reasons);
	for (const { state, detail } of Object.values(checks)) {
		expect([state, detail === null]).toEqual([state, state === "ok" || state === "unknown"]);
		expect(detail ?? "").not.toContain("secret");
	}
});

describe("a medium that was low", () => {
	it("is so until there is a tenth more than the limit, or it would come and go", () => {
		const state = (storeBefore: Checks["store"]["state"], free: number) =>
			checksOf(facts({ storeBefore, medium: medium(free) })).store.state;
		expect([state("ok", 130), state("low", 130), state("full", 130), state("low", 142)]).toEqual([
			"ok",
			"low",
			"low",
			"ok",
		]);
	});
});

describe("two engines", () => {
	const upstreams = ["http://a", "http://b"];
	it("are unreachable for /ready only when both are", () => {
		const one = facts({
			upstreams,
			probes: new Map([
				["http://a", "ECONNREFUSED"],
				["http://b", null],
			]),
		});
		expect(checksOf(one).engine.state).toBe("unreachable");
		expect(whyNotReady(one, checksOf(one))).toEqual([]);
		const none = facts({ upstreams, probes: new Map(upstreams.map((url) => [url, "ECONNREFUSED"])) });
		expect(whyNotReady(none, checksOf(none))).toEqual(["no engine is reachable"]);
	});
});

it("tells of what changed, and not of what is known for the first time", () => {
	const before = checksOf(facts({ probes: new Map() }));
	const now = checksOf(facts({ probes: gone, medium: medium(10) }));
	expect(transitions(before, now)).toEqual([
		{ check: "store", from: "ok", to: "full", detail: expect.stringContaining("64 MiB") },
	]);
	expect(transitions(now, now)).toEqual([]);
});

test("sandboxes are a check where there are some: their process, and what it says of its reaper", () => {
	expect(checksOf(facts())).not.toHaveProperty("sandboxes");
	const of = (state: WorkerStatus["state"], trouble: string | null, starting = false) =>
		checksOf(facts({ starting, sandbox: { state, trouble } })).sandboxes;
	expect(of("ready", null)).toEqual({ state: "ok", detail: null });
	expect(of("starting", null, true)?.state).toBe("ok");
	expect(of("down", null)).toMatchObject({
		state: "failing",
		detail: expect.stringContaining("sandbox_process_exit"),
	});
	expect(of("ready", "no list")).toEqual({ state: "failing", detail: "no list" });
	const [well, failing] = [facts({ sandbox: { state: "ready", trouble: null } }), facts()].map(checksOf) as [
		Checks,
		Checks,
	];
	const now = { ...failing, sandboxes: { state: "failing", detail: "why" } as const };
	expect(transitions(well, now)).toEqual([{ check: "sandboxes", from: "ok", to: "failing", detail: "why" }]);
	expect(transitions(failing, well)).toEqual([]);
});
