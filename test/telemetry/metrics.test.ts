// The metrics of one process as text, and the texts of several as one.
import { describe, expect, it } from "vitest";
import { Distribution, Family } from "../../src/telemetry/metrics/cells.js";
import { expose, mergeTexts } from "../../src/telemetry/metrics/exposition.js";
import { createMetrics, type Gauges } from "../../src/telemetry/metrics/metrics.js";
import { METRIC_ROWS } from "../../src/telemetry/metrics/table.js";

const GAUGES: Gauges<"worker"> = {
	breaker_open: () => [[["http://engine"], 1]],
	engine_up: () => [],
	sessions: () => 3,
	session_queue: () => 0,
	inflight: () => 0,
	inflight_bytes: () => 0,
	sessions_damaged: () => 0,
	store_bytes: async () => 4096,
	store_writable: () => 1,
	partitions_refused: () => Number.NaN,
};

const workerText = (metrics = createMetrics("worker"), worker = 1) =>
	expose({ role: "worker", worker }, metrics, GAUGES);

describe("the text of one process", () => {
	it("has counts, gauges and distributions with their labels and the worker's index", async () => {
		const metrics = createMetrics("worker");
		metrics.turns_total.value += 2;
		metrics.chats_total.at("200", "", "stop").value++;
		const total = metrics.chat_phase_seconds.at("total");
		for (const seconds of [0.001, 0.0011, 700]) total.observe(seconds);
		const lines = (await workerText(metrics)).split("\n");
		expect(lines).toContain('rollpin_turns_total{worker="1"} 2');
		expect(lines).toContain('rollpin_chats_total{status="200",code="",finish_reason="stop",worker="1"} 1');
		expect(lines).toContain('rollpin_sessions{worker="1"} 3');
		expect(lines).toContain('rollpin_store_bytes{worker="1"} 4096');
		expect(lines).toContain('rollpin_breaker_open{upstream="http://engine",worker="1"} 1');
		const phase = (le: string) => `rollpin_chat_phase_seconds_bucket{phase="total",worker="1",le="${le}"}`;
		expect(lines).toContain(`${phase("0.001")} 1`);
		expect(lines).toContain(`${phase("0.0025")} 2`);
		expect(lines).toContain(`${phase("600")} 2`);
		expect(lines).toContain(`${phase("+Inf")} 3`);
		expect(lines).toContain('rollpin_chat_phase_seconds_count{phase="total",worker="1"} 3');
	});

	it("has what is there from the start at 0, and leaves out what can't be told", async () => {
		const lines = (await workerText()).split("\n");
		expect(lines).toContain('rollpin_rollbacks_total{kind="retry",worker="1"} 0');
		expect(lines).toContain('rollpin_turns_total{worker="1"} 0');
		expect(lines.filter((line) => line.startsWith("rollpin_partitions_refused{"))).toEqual([]);
	});

	it("says of each metric what it is, once, and of none that another kind of process tells", async () => {
		const names = [...(await workerText()).matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name);
		const expected = METRIC_ROWS.filter(([, { by }]) => by.includes("worker")).map(
			([name]) => `rollpin_${name}`,
		);
		expect(names).toEqual(expected);
	});

	it("says the role where several kinds of process tell the same", async () => {
		const metrics = createMetrics("router");
		metrics.refused_total.at("draining").value++;
		const text = await expose({ role: "router" }, metrics, {});
		expect(text).toContain('\nrollpin_refused_total{code="draining",role="router"} 1\n');
	});

	it("escapes a label's quotes, backslashes and line ends", async () => {
		const metrics = createMetrics("worker");
		metrics.engine_requests_total.at('a"\\\n', "ok").value++;
		expect(await workerText(metrics)).toContain('upstream="a\\"\\\\\\n",outcome="ok"');
	});
});

describe("the texts of several processes", () => {
	it("become one that has each metric once, with everybody's samples", async () => {
		const text = mergeTexts([await workerText(), await workerText(undefined, 2)]);
		expect(text.match(/^# TYPE rollpin_sessions gauge$/gm)).toHaveLength(1);
		expect(text).toContain(
			'# TYPE rollpin_sessions gauge\nrollpin_sessions{worker="1"} 3\nrollpin_sessions{worker="2"} 3\n',
		);
	});

	it("keep the first words of a metric that a newer build says in others", () => {
		const of = (help: string, worker: number) =>
			`# HELP x ${help}\n# TYPE x gauge\nx{worker="${worker}"} 1\n`;
		expect(mergeTexts([of("old", 0), of("new", 1)])).toBe(
			'# HELP x old\n# TYPE x gauge\nx{worker="0"} 1\nx{worker="1"} 1\n',
		);
	});

	it("are nothing when there is none", () => {
		expect(mergeTexts(["", ""]).trim()).toBe("");
	});
});

describe("cells", () => {
	it("a distribution counts a value that is a bound below it", () => {
		const distribution = new Distribution([1, 2]);
		for (const value of [1, 2, 2.5]) distribution.observe(value);
		expect([...distribution.counts]).toEqual([1, 1, 1]);
		expect(distribution.sum).toBe(5.5);
	});

	it("a family gives the same cell for the same values, and another one for others", () => {
		const family = new Family(() => ({ value: 0 }));
		family.at("a", "b").value++;
		family.at("a", "b").value++;
		family.at("a", "", "b").value++;
		expect([...family.cells()]).toEqual([
			[["a", "b", ""], { value: 2 }],
			[["a", "", "b"], { value: 1 }],
		]);
	});
});

it("every name ends as Prometheus' naming rules have it, and no label is of one session", () => {
	for (const [name, { buckets, labels = [], type, values }] of METRIC_ROWS) {
		expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
		expect(name).not.toMatch(/_(ms|mb|mib|kb)(_|$)/);
		expect(labels).not.toContain("session_id");
		expect(labels.length).toBeLessThanOrEqual(3);
		if (values !== undefined) expect(labels).toHaveLength(1);
		expect(buckets !== undefined).toBe(type === "histogram");
		expect([...(buckets ?? [])].sort((a, b) => a - b)).toEqual(buckets ?? []);
	}
});
