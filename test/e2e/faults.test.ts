// The short part of the fault suite: a fixed list of hits on real processes under load. The long one: npm run test:faults.
import { expect, test } from "vitest";
import { runFaults } from "../faults/run-faults.js";

test("no acknowledged turn is lost or doubled while workers, router and primary are killed and replaced", async () => {
	const report = await runFaults({
		seed: 7,
		durationMs: 0,
		plan: [
			"worker SIGKILL",
			"primary SIGUSR2",
			"worker SIGTERM",
			"router SIGKILL",
			"worker SIGSTOP, SIGCONT",
			"primary SIGKILL",
			"worker and router SIGKILL",
			"everything SIGKILL",
		],
		backends: 2,
		agents: 8,
		maxGapMs: 600,
		progress: () => undefined,
	});
	expect(report.findings).toEqual([]);
	expect(report.unexplained).toEqual([]);
	expect({ lost: report.lost, doubled: report.doubled }).toEqual({ lost: 0, doubled: 0 });
	expect(report.hits).toHaveLength(8);
	// It was under load: turns were acknowledged, and some of them only after a failure.
	expect(report.acks).toBeGreaterThan(50);
	expect(report.repeatedAcks).toBeGreaterThan(0);
}, 120_000);
