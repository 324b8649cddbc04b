// Sandboxes over the local backend, with a directory for its records and a log that can be read. For tests of the core.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SandboxBackend } from "../../src/sandbox/backend.js";
import { LocalBackend } from "../../src/sandbox/local/local-backend.js";
import type { SandboxRecord } from "../../src/sandbox/record.js";
import { diskRecords } from "../../src/sandbox/record-store.js";
import type { SandboxSettings } from "../../src/sandbox/request.js";
import { Sandboxes } from "../../src/sandbox/sandboxes.js";
import type { EventFields, EventName } from "../../src/telemetry/events.js";
import type { Logger } from "../../src/telemetry/logger.js";
import { createMetrics } from "../../src/telemetry/metrics/metrics.js";

export const SANDBOX_SETTINGS: SandboxSettings = {
	ttlS: 900,
	maxTtlS: 3600,
	maxExecTimeoutMs: 60_000,
	maxSandboxes: 8,
	createConcurrency: 4,
	image: "local",
	allowImages: [],
	pullPolicy: "missing",
	resources: { cpu: 1, memoryMib: 512, pids: 256, diskMib: 256 },
	maxResources: { cpu: 4, memoryMib: 4096, pids: 1024, diskMib: 1024 },
};

export interface SandboxRoom {
	log: Logger;
	/** Of the sandboxes of the local backend. */
	root: string;
	backend: SandboxBackend;
	events: Array<{ event: EventName; fields: Record<string, unknown> }>;
	/** Ends that sessions were told. */
	told: SandboxRecord[];
	/** What the next tellings do. */
	tell: (record: SandboxRecord) => Promise<void>;
	/** As a new process of the cluster would: knows what is on disk. */
	start(settings?: Partial<SandboxSettings>, backend?: SandboxBackend): Promise<Sandboxes>;
	stop(): Promise<void>;
}

export function sandboxRoom(): SandboxRoom {
	const directory = mkdtempSync(join(tmpdir(), "rollpin-sandboxes-"));
	const root = join(directory, "local");
	const started: Sandboxes[] = [];
	const log: Logger = {
		event<Name extends EventName>(event: Name, fields: EventFields[Name]) {
			room.events.push({ event, fields: fields as unknown as Record<string, unknown> });
		},
		flush: async () => undefined,
	};
	const room: SandboxRoom = {
		log,
		root,
		backend: new LocalBackend(root),
		events: [],
		told: [],
		tell: async () => undefined,
		async start(settings = {}, backend = room.backend) {
			await backend.probe(AbortSignal.timeout(10_000));
			const sandboxes = new Sandboxes({
				backend,
				records: await diskRecords(join(directory, "records")),
				settings: { ...SANDBOX_SETTINGS, ...settings },
				log,
				metrics: createMetrics("sandbox"),
				async tell(record) {
					await room.tell(record);
					room.told.push(record);
				},
			});
			await sandboxes.start();
			started.push(sandboxes);
			return sandboxes;
		},
		async stop() {
			for (const sandboxes of started) await sandboxes.close();
			for await (const { id } of room.backend.list(AbortSignal.timeout(10_000)))
				await room.backend.remove(id, AbortSignal.timeout(10_000));
			// A record may just be written.
			rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
		},
	};
	return room;
}
