// The requests of the sandbox process over HTTP, without the process and without a router: for tests of its routes.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PartitionMap } from "../../src/base/partitions.js";
import type { SandboxSettings } from "../../src/sandbox/request.js";
import type { Sandboxes } from "../../src/sandbox/sandboxes.js";
import { BoundSandboxes } from "../../src/sandbox-host/bound.js";
import { createListener } from "../../src/sandbox-host/listener.js";
import { SessionWorkers } from "../../src/sandbox-host/sessions.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";
import { SANDBOX_SETTINGS, type SandboxRoom, sandboxRoom } from "./sandbox-room.js";

export interface SandboxServer {
	url: string;
	room: SandboxRoom;
	sandboxes: Sandboxes;
	stop(): Promise<void>;
}

export async function serveSandboxes(
	settings: Partial<SandboxSettings> = {},
	maxBodyBytes = 1_000_000,
): Promise<SandboxServer> {
	const room = sandboxRoom();
	const sandboxes = await room.start(settings);
	const bound = new BoundSandboxes(sandboxes, new SessionWorkers(new PartitionMap(1)));
	const server = createServer(
		createListener({
			sandboxes,
			bound,
			bind: (...asked) => bound.bind(...asked),
			settings: { ...SANDBOX_SETTINGS, ...settings },
			maxBodyBytes,
			log: room.log,
			metrics: createMetrics("sandbox"),
		}),
	);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		room,
		sandboxes,
		async stop() {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
			await room.stop();
		},
	};
}
