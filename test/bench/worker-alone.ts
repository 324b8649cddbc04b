// Role: one worker and nothing else. Tells its parent of every chat that ended, with the CPU time used until then.
import { mkdtempSync, rmSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.js";
import type { WorkerIndex } from "../../src/base/ids.js";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import type { ChatDone } from "../../src/telemetry/events.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";
import { processMetrics } from "../../src/telemetry/metrics/process-metrics.js";
import { createTito } from "../../src/tito/create.js";
import { openStore } from "../../src/worker/open-store.js";
import { StoreWatch } from "../../src/worker/store-watch.js";
import { startWorker } from "../../src/worker/worker.js";
import { clusterConfig } from "../support/cluster-config.js";
import { plainEngine } from "../support/plain-engine.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";
import { createLoopWatch, type LoopFigures } from "./loop-watch.js";
import { ready } from "./processes.js";
import { profileTable } from "./profile-table.js";

export interface WorkerAlone {
	socketPath: string;
}

/** Sent behind every chat. */
export interface ChatReport {
	chat: ChatDone;
	/** User and system time of this process since its start, all threads. */
	cpuUs: number;
}

/** The answer to the message `take`: figures since the last one. */
export interface WorkerUsage {
	loop: LoopFigures;
	/** Since the start of the process. */
	peakRssBytes: number;
}

// With a data dir it stays behind, for another worker to start on. `quiet`: no report behind a chat.
const [upstream, store, r3, keptDataDir, quiet] = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), "rollpin-bench-"));
const base = clusterConfig();
const config = clusterConfig({
	backends: 1,
	upstream: upstream ?? "",
	checkpointDir: TOY_CHECKPOINT,
	store: store as ClusterConfig["store"],
	r3: r3 as ClusterConfig["r3"],
	dataDir: keptDataDir || join(dir, "data"),
	sessionTtlS: 86_400,
	maxSessionTtlS: 86_400,
	limits: {
		...base.limits,
		maxBodyBytes: 1024 ** 3,
		maxMessages: 1_000_000,
		maxTurnsPerSession: 1_000_000,
		maxTokensPerSession: 2 ** 31 - 1,
		maxSessionsPerWorker: 1_000_000,
	},
});
const socketPath = join(dir, "w0.sock");
const logger = {
	event(event: string, fields: object) {
		if (event !== "chat_done" || quiet === "quiet") return;
		const { user, system } = process.cpuUsage();
		const report: ChatReport = { chat: fields as ChatDone, cpuUs: user + system };
		process.send?.(report);
	},
	flush: async () => undefined,
};
const metrics = createMetrics("worker");
const storeWatch = new StoreWatch(metrics, () => undefined);
const dataDir = await prepareDataDir(config.dataDir);
const worker = await startWorker({
	index: 0 as WorkerIndex,
	config,
	engines: plainEngine(config, logger),
	address: { kind: "socket", path: socketPath },
	store: await openStore(
		config,
		0 as WorkerIndex,
		await dataDir.nextEpoch(),
		logger,
		() => undefined,
		storeWatch,
	),
	tito: await createTito({
		checkpointDir: TOY_CHECKPOINT,
		chatTemplateFile: null,
		chatTemplateKwargs: new Map(),
		titoModel: "default",
	}),
	logger,
	metrics,
	clock: systemClock,
});
// As the worker's process has it, with what prom-client measures of the process.
processMetrics(
	{ role: "worker", worker: 0 },
	metrics,
	worker.gauges({ partitionsRefused: () => 0, storeWritable: () => storeWatch.writable }),
);
const loopWatch = createLoopWatch();
const profiler = new Session();
profiler.connect();
process.on("message", async (message: string | { profile: "start" | number }) => {
	if (typeof message === "object") {
		if (message.profile === "start") {
			await profiler.post("Profiler.enable");
			await profiler.post("Profiler.setSamplingInterval", { interval: 250 });
			await profiler.post("Profiler.start");
			return;
		}
		const { profile } = await profiler.post("Profiler.stop");
		process.send?.(profileTable(profile, message.profile));
		return;
	}
	// Where the process was started with --expose-gc.
	if (message === "gc") globalThis.gc?.();
	const usage: WorkerUsage = {
		loop: loopWatch.take(),
		peakRssBytes: process.resourceUsage().maxRSS * 1024,
	};
	process.send?.(usage);
});
const message: WorkerAlone = { socketPath };
ready(message, async () => {
	await worker.drain(0);
	await dataDir.release();
	rmSync(dir, { recursive: true, force: true });
});
