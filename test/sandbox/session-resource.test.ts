// The rules of a session's resource, for its sandbox: over the sandbox process's own server and real processes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionId } from "../../src/base/ids.js";
import { ask } from "../../src/ipc/ask.js";
import { newSandboxId } from "../../src/sandbox/ids.js";
import { LocalBackend } from "../../src/sandbox/local/local-backend.js";
import { startSandboxHost } from "../../src/sandbox-host/host.js";
import type { SessionResource } from "../../src/session/life/resource.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";
import { SandboxResource } from "../../src/worker/sandbox-resource.js";
import { describeSessionResource } from "../session/resource-conformance.js";
import { clusterConfig } from "../support/cluster-config.js";
import { SANDBOX_SETTINGS } from "../support/sandbox-room.js";

const never = new AbortController().signal;

describeSessionResource("A session's sandbox", async () => {
	const directory = mkdtempSync(join(tmpdir(), "rollpin-bound-"));
	const backend = new LocalBackend(join(directory, "local"));
	await backend.probe();
	const address = { kind: "socket", path: join(directory, "s.sock") } as const;
	const sandbox = { ...SANDBOX_SETTINGS, maxSandboxes: 100, backend: "local", dockerSocket: "" } as const;
	const host = await startSandboxHost({
		config: clusterConfig({ sandbox }),
		sandbox,
		backend,
		address,
		workers: [],
		log: { event: () => undefined, flush: async () => undefined },
		metrics: createMetrics("sandbox"),
	});
	const list = async () =>
		(await ask(address, "GET", "/internal/bound", undefined, never)) as Array<{ session_id: SessionId }>;
	return {
		start(): SessionResource {
			const resource = new SandboxResource(address);
			const open = resource.open.bind(resource);
			resource.open = (session, handleJson, signal) => {
				resource.asks((JSON.parse(handleJson) as { sandbox_id: string }).sandbox_id, {});
				return open(session, handleJson, signal);
			};
			return resource;
		},
		handle: () => JSON.stringify({ sandbox_id: newSandboxId() }),
		left: async () => (await list()).map(({ session_id }) => session_id).sort(),
		async lose(_session, handleJson) {
			await backend.remove((JSON.parse(handleJson) as { sandbox_id: string }).sandbox_id);
		},
		async stop() {
			await host.drain(0);
			for await (const { id } of backend.list()) await backend.remove(id);
			rmSync(directory, { recursive: true, force: true });
		},
	};
});
