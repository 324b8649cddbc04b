// Entry of a worker process: speaks to the primary, opens store and tokenizer, drains. Builds nothing itself.
import { join } from "node:path";
import { systemClock } from "../base/clock.js";
import { exitCodeOf } from "../base/exit-codes.js";
import type { Partition, WorkerIndex } from "../base/ids.js";
import { packageRoot } from "../base/package-root.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import { takeOver } from "../config/reload.js";
import { connectToPrimary } from "../ipc/child-channel.js";
import type { ToChild } from "../ipc/messages.js";
import { parseJson } from "../json/parse.js";
import type { JsonObject } from "../json/value.js";
import { CHILD_LINGER_MS, type ClusterLogger, createLogger } from "../telemetry/logger.js";
import { createLoopLag } from "../telemetry/loop-lag.js";
import { createMetrics } from "../telemetry/metrics/metrics.js";
import { processMetrics } from "../telemetry/metrics/process-metrics.js";
import { createTito } from "../tito/create.js";
import { NEWEST_TOOL_SCHEMA } from "../tito/tools.js";
import { conditionOf, watchCondition } from "./condition.js";
import { admitEngines, type OpenedEngines, openEngines } from "./open-engines.js";
import { openStore } from "./open-store.js";
import { SandboxResource } from "./sandbox-resource.js";
import { StoreWatch } from "./store-watch.js";
import { startWorker, type Worker } from "./worker.js";

/** How long after its drain time a worker waits for the primary's `drain` before it ends by itself. */
const NO_ANSWER_MS = 2_000;

/**
 * No text has more bytes than this per token on average (English has about 4), runs of spaces aside: a longer one can't
 * fit its session, and encoding it first would cost gigabytes.
 */
const TEXT_BYTES_PER_TOKEN = 8;

const startedMs = systemClock.monotonicMs();
const metrics = createMetrics("worker");
const loopLag = createLoopLag(metrics.event_loop_lag_seconds);
let lookAtCondition = (): void => undefined;
const storeWatch = new StoreWatch(metrics, () => lookAtCondition());
const refused = new Set<Partition>();
let worker: Worker | null = null;
/** Null until there is something to tell. */
let metricsText: (() => Promise<string>) | null = null;
/** The configuration that everything here reads; null before the start. */
let settings: ClusterConfig | null = null;
let log: ClusterLogger | null = null;
let engines: OpenedEngines | null = null;
let drainTimeoutMs = 0;
let draining = false;

const channel = connectToPrimary("worker", {
	onTerminate: () => {
		if (worker === null) return endBySigterm();
		// `drain` comes back when the router sends nothing here any more: until then requests are served.
		void channel.send({ type: "draining" });
		setTimeout(() => drain(0), drainTimeoutMs + NO_ANSWER_MS).unref();
	},
});

/** By the signal that is: so it tells the primary that this was asked for, as it does before there is any handler. */
function endBySigterm(): void {
	process.removeAllListeners("SIGTERM");
	process.kill(process.pid, "SIGTERM");
}

channel.on("start_worker", (message) => {
	start(message).catch((error: unknown) => {
		const text = error instanceof Error ? error.message : String(error);
		void channel.fail(`worker ${message.index}: ${text}`, exitCodeOf(error));
	});
});

channel.on("ask_stats", tellStats);

function tellStats(): void {
	const ofProcess = {
		uptimeS: (systemClock.monotonicMs() - startedMs) / 1000,
		takeLoopLagP99Ms: () => loopLag.takeP99Ms(),
		partitionsRefused: refused.size,
	};
	void worker?.figures(ofProcess).then((stats) => channel.send({ type: "stats", stats }));
}

channel.on("ask_metrics", ({ seq }) => {
	// While it ends its store is closed: no answer, which is counted.
	metricsText?.().then(
		(text) => channel.send({ type: "metrics", seq, text }),
		() => undefined,
	);
});

channel.on("reconfigure", ({ config: next }) => {
	// Before the start, which brings them.
	if (settings === null) return;
	const moved = next.upstream !== settings.upstream;
	takeOver(settings, next);
	log?.setLevel(next.log.level);
	worker?.reconfigured();
	if (moved) engines?.change();
});

channel.on("drain", ({ timeoutMs }) => drain(timeoutMs));

async function start(message: Extract<ToChild, { type: "start_worker" }>): Promise<void> {
	const { config, address } = message;
	const index = message.index as WorkerIndex;
	drainTimeoutMs = config.drainTimeoutMs;
	settings = config;
	const logger = createLogger({
		role: "worker",
		worker: index,
		level: config.log.level,
		format: "json",
		lingerMs: CHILD_LINGER_MS,
	});
	log = logger;
	const [tito, store] = await Promise.all([
		createTito({
			checkpointDir: config.checkpointDir,
			chatTemplateFile: config.chatTemplateFile,
			chatTemplateKwargs: parseJson(config.chatTemplateKwargsJson) as JsonObject,
			titoModel: config.titoModel,
			toolSchemaVersion: config.toolSchemaVersion === "auto" ? NEWEST_TOOL_SCHEMA : config.toolSchemaVersion,
			controlText: config.controlText,
			maxTextBytes: () => config.limits.maxTokensPerSession * TEXT_BYTES_PER_TOKEN,
		}),
		openStore(config, index, message.storeEpoch, logger, (partition) => refused.add(partition), storeWatch),
	]);
	const opened = openEngines(config, tito, index, logger, {
		checked: (result) => void channel.send({ type: "engine_checked", result }),
		changed() {
			lookAtCondition();
			// The store may be closed by then, and nobody asks any more.
			if (!draining) tellStats();
		},
	});
	engines = opened;
	await admitEngines(opened, config, index);
	// Said once, not by every worker; and not of the toy checkpoint, whose template tells of tools in its own words.
	const toy = config.checkpointDir === join(packageRoot(), "checkpoints", "toy");
	if (tito.differsFromCheckpoint === true && index === 0 && !toy) {
		logger.event(
			"template_differs",
			{ tito_model: config.titoModel, checkpoint: config.checkpointDir },
			`--tito-model ${config.titoModel} writes a plain conversation otherwise than the template of ${config.checkpointDir}: is it ` +
				"the model's family? docs/families.md tells; rollpin verify shows what a session becomes",
		);
	}
	const { slowTokenizer = null } = tito;
	if (slowTokenizer !== null && index === 0) {
		logger.event(
			"tokenizer_slow",
			{ checkpoint: config.checkpointDir, reason: slowTokenizer },
			`the tokenizers library encodes every text for ${config.checkpointDir}: ${slowTokenizer}`,
		);
	}
	worker = await startWorker({
		index,
		config,
		address,
		store,
		tito,
		logger,
		metrics,
		clock: systemClock,
		engines: opened.engines,
		sandbox: message.sandbox === null ? null : new SandboxResource(message.sandbox),
	});
	metricsText = processMetrics(
		{ role: "worker", worker: index },
		metrics,
		worker.gauges({
			partitionsRefused: () => refused.size,
			storeWritable: () => storeWatch.writable,
		}),
	);
	await channel.send({ type: "ready", address });
	lookAtCondition = watchCondition(
		() => conditionOf(opened.engines, storeWatch, refused.size),
		(condition) => void channel.send({ type: "condition", condition }),
	);
}

function drain(timeoutMs: number): void {
	if (draining) return;
	draining = true;
	void (async () => {
		await worker?.drain(timeoutMs);
		await channel.send({ type: "drained" });
		process.exit(0);
	})();
}
