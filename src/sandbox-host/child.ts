// Entry of the sandbox process: speaks to the primary, makes the backend, drains. The only process that holds what runs sandboxes.
import { exitCodeOf } from "../base/exit-codes.js";
import { takeOver } from "../config/reload.js";
import { connectToPrimary } from "../ipc/child-channel.js";
import type { ToChild } from "../ipc/messages.js";
import { troubleOf } from "../sandbox/reaper.js";
import { CHILD_LINGER_MS, type ClusterLogger, createLogger } from "../telemetry/logger.js";
import { createLoopLag } from "../telemetry/loop-lag.js";
import { createMetrics } from "../telemetry/metrics/metrics.js";
import { processMetrics } from "../telemetry/metrics/process-metrics.js";
import { createBackend } from "./backends.js";
import { type SandboxHost, startSandboxHost } from "./host.js";

const LOOK_MS = 1_000;
const PROBE_TIMEOUT_MS = 15_000;

process.title = "rollpin sandbox";
const metrics = createMetrics("sandbox");
createLoopLag(metrics.event_loop_lag_seconds);
let host: SandboxHost | null = null;
let log: ClusterLogger | null = null;
let config: Extract<ToChild, { type: "start_sandbox" }>["config"] | null = null;
/** Null until there is something to tell. */
let metricsText: (() => Promise<string>) | null = null;

// A SIGTERM to it alone is ignored: the primary says when to drain.
const primary = connectToPrimary("sandbox");

primary.on("start_sandbox", (message) => {
	start(message).catch((error: unknown) => {
		const text = error instanceof Error ? error.message : String(error);
		void primary.fail(`the sandbox process: ${text}`, exitCodeOf(error));
	});
});

primary.on("ask_metrics", ({ seq }) => {
	metricsText?.().then(
		(text) => primary.send({ type: "metrics", seq, text }),
		() => undefined,
	);
});

primary.on("reconfigure", ({ config: next }) => {
	if (config !== null) takeOver(config, next);
	log?.setLevel(next.log.level);
});

primary.on("snapshot", ({ snapshot }) => host?.workersAre(snapshot.workers));

/** Also that there is none: an earlier process may have told of some. */
function tellTrouble(of: SandboxHost): void {
	let told: string | null | undefined;
	const look = (): void => {
		const trouble = troubleOf(of.reaper());
		if (trouble === told) return;
		told = trouble;
		void primary.send({ type: "sandbox_condition", trouble });
	};
	look();
	setInterval(look, LOOK_MS).unref();
}

primary.on("drain", ({ timeoutMs }) => {
	void (async () => {
		await host?.drain(timeoutMs);
		await primary.send({ type: "drained" });
		process.exit(0);
	})();
});

async function start(message: Extract<ToChild, { type: "start_sandbox" }>): Promise<void> {
	config = message.config;
	const { address, epoch } = message;
	const { sandbox } = config;
	if (sandbox === null) throw new Error("it was started without --sandbox");
	log = createLogger({ role: "sandbox", level: config.log.level, format: "json", lingerMs: CHILD_LINGER_MS });
	const backend = createBackend(sandbox);
	// A later process serves also while the backend is away, and says so to each request.
	if (epoch === 1) await backend.probe(AbortSignal.timeout(PROBE_TIMEOUT_MS));
	if (sandbox.backend === "local" && epoch === 1) {
		log.event(
			"sandbox_unisolated",
			{ backend: sandbox.backend },
			"--sandbox local ISOLATES NOTHING: commands run as this user on this machine and can read and change all that this user can; for laptops and tests only",
		);
	}
	const { workers } = message.snapshot;
	host = await startSandboxHost({ config, sandbox, backend, address, workers, log, metrics });
	metricsText = processMetrics({ role: "sandbox" }, metrics, host.gauges);
	await primary.send({ type: "ready", address });
	tellTrouble(host);
}
