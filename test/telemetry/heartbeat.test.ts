// A heartbeat from the table of its fields: who tells what, the order of the record, rounding.
import { describe, expect, it } from "vitest";
import { heartbeatOf, readFigures } from "../../src/telemetry/heartbeat.js";
import { HEARTBEAT_FIELDS, type WorkerFacts } from "../../src/telemetry/heartbeat-fields.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";
import { figuresWith } from "../support/heartbeats.js";

const factsWith = (metrics = createMetrics("worker")): WorkerFacts => ({
	uptimeS: 61.4,
	takeLoopLagP99Ms: () => 1.25,
	partitionsRefused: 2,
	admission: { inflight: 3 },
	registry: { size: 4, queueDepth: 5 },
	store: { sizeBytes: async () => 3 * 512 * 1024, damagedSessions: () => 6 },
	engines: { all: () => [{ client: { unreachable: false } }, { client: { unreachable: true } }] },
	metrics,
});
const USAGE = { rssBytes: 100.06 * 1024 * 1024, vmsBytes: 1024 * 1024, cpuPercent: 12.34 };

describe("a heartbeat", () => {
	it("has the record's fields in the order of the log: a worker's own, its counts, and those from outside", async () => {
		const metrics = createMetrics("worker");
		metrics.worker_requests_total.value = 9;
		metrics.turns_total.value = 7;
		metrics.rollbacks_total.at("reworded").value = 1;
		const figures = await readFigures(factsWith(metrics));
		const heartbeat = heartbeatOf(1, 42, figures, USAGE);
		expect(Object.entries(heartbeat)).toEqual([
			["worker", 1],
			["worker_pid", 42],
			["uptime_s", 61],
			["rss_mb", 100.1],
			["vms_mb", 1],
			["cpu_percent", 12.3],
			["loop_lag_p99_ms", 1.25],
			["inflight", 3],
			["reqs_total", 9],
			["turns_completed", 7],
			["hard_mismatches", 0],
			["rollbacks", 1],
			["history_refused", 0],
			["branches", 0],
			["sessions", 4],
			["queue_depth", 5],
			["store_mb", 1.5],
			["partitions_refused", 2],
			["sessions_damaged", 6],
			["breaker_open", 1],
		]);
	});

	it("of a worker leaves out what the primary measures", async () => {
		const figures = await readFigures(factsWith());
		expect(Object.keys(figures)).toEqual(
			Object.keys(HEARTBEAT_FIELDS).filter((name) => !["rss_mb", "vms_mb", "cpu_percent"].includes(name)),
		);
	});

	it("counts from zero", async () => {
		const { reqs_total, turns_completed, hard_mismatches, rollbacks } = await readFigures(factsWith());
		expect([reqs_total, turns_completed, hard_mismatches, rollbacks]).toEqual([0, 0, 0, 0]);
	});

	it("sums what the metrics count by kind", async () => {
		const metrics = createMetrics("worker");
		metrics.branches_total.at("edit").value = 2;
		metrics.branches_total.at("other").value = 3;
		expect((await readFigures(factsWith(metrics))).branches).toBe(5);
	});

	it("rounds to the digits of its row and no further", () => {
		expect(heartbeatOf(0, 1, figuresWith({ store_mb: 0.125, uptime_s: 0.5 }), USAGE)).toMatchObject({
			store_mb: 0.13,
			uptime_s: 1,
		});
	});
});
