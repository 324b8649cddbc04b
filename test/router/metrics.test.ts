import { describe, expect, it } from "vitest";
import type { ClusterSnapshot } from "../../src/ipc/messages.js";
import { metricsOf } from "../../src/router/metrics.js";

const worker = { replacing: false, pid: 1, epoch: 2, socketPath: null };
const snapshot: ClusterSnapshot = {
	phase: "ok",
	instanceId: "i",
	startedAt: 0,
	url: null,
	upstream: null,
	engineCheck: null,
	workers: [
		{ ...worker, index: 0, state: "ready", heartbeat: { worker: 0, rss_mb: 80.5, turns_completed: 7 } },
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
});
