// A router in this process with stand-in workers on unix sockets: everything but the forking.

import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import type { Checks } from "../../src/ipc/checks.js";
import type { ClusterSnapshot, WorkerStatus } from "../../src/ipc/messages.js";
import { createFront } from "../../src/router/front.js";
import { RouterMetrics } from "../../src/router/metrics.js";
import { Router } from "../../src/router/router.js";
import type { Logger } from "../../src/telemetry/logger.js";
import { expose } from "../../src/telemetry/metrics/exposition.js";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics/metrics.js";
import { clusterConfig } from "./cluster-config.js";

export interface RouterRig {
	port: number;
	url: string;
	router: Router;
	snapshot: ClusterSnapshot;
	workers: Server[];
	/** What the router counts. */
	counts: Metrics<"router">;
	events: Array<{ event: string; fields: Record<string, unknown> }>;
	/** What it told of draining workers that have no request of its any more. */
	quiet: Array<{ worker: number; epoch: number }>;
	/** What it asked its primary about drained workers, and how to answer that. */
	drains: Array<{ worker: number; drain: boolean; done: () => void }>;
	close(): Promise<void>;
}

/** Checks that have nothing to say. */
const WELL: Checks = {
	workers: { state: "ok", detail: null },
	engine: { state: "ok", detail: null },
	store: { state: "ok", detail: null },
	log: { state: "ok", detail: null },
};

/** Paths below a session that the tests' stand-in workers answer. */
const WORKER_PATHS = ["/a", "/b", "/echo", "/gone", "/slow", "/stays", "/x"];

/** One listener per worker; null leaves that worker without a server behind its socket. */
export async function startRouter(
	listeners: ReadonlyArray<RequestListener | null>,
	overrides: Partial<ClusterConfig> = {},
): Promise<RouterRig> {
	const dir = mkdtempSync(join(tmpdir(), "rollpin-test-"));
	const config = clusterConfig({
		passThroughPaths: WORKER_PATHS,
		...overrides,
		backends: listeners.length,
	});
	const workers: Server[] = [];
	const statuses: WorkerStatus[] = [];
	for (const [index, listener] of listeners.entries()) {
		const socketPath = join(dir, `w${index}.sock`);
		if (listener !== null) {
			const server = createServer({ keepAliveTimeout: 60_000 }, listener);
			await new Promise<void>((resolve) => server.listen(socketPath, resolve));
			workers.push(server);
		}
		statuses.push({
			index,
			state: "ready",
			pid: 1000 + index,
			epoch: 1,
			awaited: false,
			drain: false,
			address: { kind: "socket", path: socketPath },
			heartbeat: null,
		});
	}
	const snapshot: ClusterSnapshot = {
		phase: "ok",
		instanceId: config.instanceId,
		startedAt: 1,
		url: null,
		upstream: null,
		engineCheck: null,
		version: "0.0.0",
		checks: WELL,
		notReady: [],
		workers: statuses,
		sandbox: null,
	};
	const events: RouterRig["events"] = [];
	const log: Logger = {
		event: (event, fields) => void events.push({ event, fields: { ...fields } }),
		flush: async () => undefined,
	};
	const quiet: RouterRig["quiet"] = [];
	const drains: RouterRig["drains"] = [];
	const counts = createMetrics("router");
	const metrics = new RouterMetrics(
		counts,
		() => expose({ role: "router" }, counts, {}),
		async () => [],
	);
	const router = new Router(
		config,
		snapshot,
		log,
		(worker, epoch) => void quiet.push({ worker, epoch }),
		metrics,
		(worker, drain) => new Promise((done) => void drains.push({ worker, drain, done })),
	);
	const front = createFront(router);
	await new Promise<void>((resolve) => front.server.listen(0, "127.0.0.1", resolve));
	const { port } = front.server.address() as AddressInfo;
	return {
		port,
		url: `http://127.0.0.1:${port}`,
		router,
		snapshot,
		workers,
		counts,
		events,
		quiet,
		drains,
		async close() {
			router.close();
			front.closeAllConnections();
			await new Promise((resolve) => front.server.close(resolve));
			for (const worker of workers) {
				worker.closeAllConnections();
				await new Promise((resolve) => worker.close(resolve));
			}
			rmSync(dir, { recursive: true, force: true });
		},
	};
}
