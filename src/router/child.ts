// The router's process: takes connections from the primary, answers or relays their requests, drains when told.
import { rmSync } from "node:fs";
import { Socket } from "node:net";
import { dirname } from "node:path";
import { connectToPrimary } from "../ipc/child-channel.js";
import { CUT_ANSWERS_MS } from "../ipc/drain-times.js";
import { CHILD_LINGER_MS, type ClusterLogger, createLogger } from "../telemetry/logger.js";
import { createLoopLag } from "../telemetry/loop-lag.js";
import { createMetrics } from "../telemetry/metrics/metrics.js";
import { processMetrics } from "../telemetry/metrics/process-metrics.js";
import { createConnectionLimit } from "./connection-limit.js";
import { createFront, type Front } from "./front.js";
import { RouterMetrics } from "./metrics.js";
import { Questions } from "./questions.js";
import { Router } from "./router.js";

let log: ClusterLogger | undefined;
let socketPath: string | null = null;
let front: Front | undefined;
let router: Router | undefined;
let admit: ((connection: Socket) => void) | undefined;
process.title = "rollpin router";

// A SIGTERM to the router alone is ignored: it holds nothing to save, and the primary says when to drain.
const primary = connectToPrimary("router", {
	onOrphaned() {
		// All children end with the primary, which can no longer tidy up itself.
		if (socketPath !== null) rmSync(dirname(socketPath), { recursive: true, force: true });
	},
});

/** The primary has done it, and this process has the snapshot that says so. */
const drains = new Questions<void>();
const setDrain = (worker: number, drain: boolean): Promise<void> =>
	drains.ask((seq) => void primary.send({ type: "set_worker_drain", seq, worker, drain }));
const scrapes = new Questions<readonly string[]>();
const gather = (): Promise<readonly string[]> =>
	scrapes.ask((seq) => void primary.send({ type: "gather_metrics", seq }));

primary.on("start_router", (start) => {
	socketPath = start.socketPath;
	log = createLogger({
		role: "router",
		level: start.config.log.level,
		format: "json",
		lingerMs: CHILD_LINGER_MS,
	});
	const counts = createMetrics("router");
	createLoopLag(counts.event_loop_lag_seconds);
	const own = processMetrics({ role: "router" }, counts, {});
	const metrics = new RouterMetrics(counts, own, gather);
	const workerIdle = (worker: number, epoch: number): void => {
		void primary.send({ type: "worker_idle", worker, epoch });
	};
	router = new Router(start.config, start.snapshot, log, workerIdle, metrics, setDrain);
	front = createFront(router);
	const { server } = front;
	admit = createConnectionLimit(server, log);
	server.once("error", (error) => {
		void primary.fail(`the router cannot listen on ${start.socketPath}: ${error.message}`, 1);
	});
	// `exclusive`: node:cluster would otherwise open it in the primary.
	server.listen({ path: start.socketPath, exclusive: true }, () => void primary.send({ type: "ready" }));
});

primary.on("connection", ({ seq }, connection) => {
	// Before a byte is read: should this process die, its successor gets the connection as it was.
	void primary.send({ type: "connection_received", seq });
	// The client may have gone while its connection travelled.
	if (!(connection instanceof Socket)) return;
	if (admit === undefined) connection.destroy();
	else admit(connection);
});

primary.on("gathered_metrics", ({ seq, texts }) => scrapes.answered(seq, texts));

primary.on("reconfigure", ({ config }) => {
	router?.reconfigure(config);
	log?.setLevel(config.log.level);
});

primary.on("snapshot", ({ snapshot }) => router?.update(snapshot));
primary.on("worker_drain_set", ({ seq }) => drains.answered(seq));

primary.on("drain", ({ timeoutMs }) => {
	const exit = async (): Promise<void> => {
		front?.closeAllConnections();
		router?.close();
		await log?.flush();
		await primary.send({ type: "drained" });
		process.exit(0);
	};
	// The workers' answers to what they cut are brought to the clients.
	setTimeout(exit, timeoutMs + CUT_ANSWERS_MS);
	void router?.drain().then(() => setImmediate(exit));
	front?.server.close();
	front?.closeIdleConnections();
});
