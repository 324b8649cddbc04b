// The text of /metrics: values, labels, and what a metric of either type looks like.
import { describe, expect, it } from "vitest";
import type { ClusterSnapshot } from "../../src/ipc/messages.js";
import { METRICS, type Metric, metricsOf } from "../../src/router/metrics.js";
import { HEARTBEAT_FIELDS } from "../../src/telemetry/heartbeat-fields.js";
import { heartbeatWith } from "../support/heartbeats.js";

const worker = { replacing: false, drain: false, pid: 1, epoch: 2, address: null };
const snapshot: ClusterSnapshot = {
	phase: "ok",
	instanceId: "i",
	startedAt: 0,
	url: null,
	upstream: null,
	engineCheck: null,
	workers: [
		{ ...worker, index: 0, state: "ready", heartbeat: heartbeatWith({ rss_mb: 80.5, turns_completed: 7 }) },
		{ ...worker, index: 1, state: "ready", heartbeat: null },
		{ ...worker, index: 2, state: "quarantined", heartbeat: null },
	],
};

describe("GET /metrics", () => {
	it("gives the last heartbeats as Prometheus text, and no sample for a worker that had none", async () => {
		const lines = (await metricsOf(snapshot)).split("\n");
		expect(lines).toContain('rollpin_rss_mb{worker="0"} 80.5');
		expect(lines).toContain('rollpin_turns_completed{worker="0"} 7');
		expect(lines.filter((line) => line.startsWith("rollpin_rss_mb{"))).toHaveLength(1);
	});

	it("counts workers by state", async () => {
		const lines = (await metricsOf(snapshot)).split("\n");
		expect(lines).toContain('rollpin_workers{state="ready"} 2');
		expect(lines).toContain('rollpin_workers{state="quarantined"} 1');
	});

	it("says what every figure means", async () => {
		const text = await metricsOf(snapshot);
		for (const line of text.split("\n").filter((found) => found.startsWith("# TYPE"))) {
			const name = line.split(" ")[2];
			expect(text).toContain(`# HELP ${name} `);
		}
	});

	it("has every field of a heartbeat, and every name once", async () => {
		const names = METRICS.map(({ name }) => name);
		expect(names).toEqual(
			expect.arrayContaining(Object.keys(HEARTBEAT_FIELDS).map((key) => `rollpin_${key}`)),
		);
		expect(new Set(names).size).toBe(names.length);
		const text = await metricsOf(snapshot);
		expect([...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name)).toEqual(names);
	});

	it("writes a counter as one: a row of the table is all that it takes", async () => {
		const refused: Metric = {
			name: "rollpin_refused_total",
			type: "counter",
			help: "Requests that were refused",
			unit: "",
			labels: ["code"],
			samples: () => [
				{ labels: { code: "draining" }, value: 2 },
				{ labels: { code: "store_full" }, value: 0 },
			],
		};
		expect((await metricsOf(snapshot, [refused])).trimEnd().split("\n")).toEqual([
			"# HELP rollpin_refused_total Requests that were refused",
			"# TYPE rollpin_refused_total counter",
			'rollpin_refused_total{code="draining"} 2',
			'rollpin_refused_total{code="store_full"} 0',
		]);
	});
});
