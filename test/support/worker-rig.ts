// One worker in this process over a real simulated engine: real sockets, real store, nothing mocked.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "undici";
import { type Clock, systemClock } from "../../src/base/clock.js";
import type { WorkerIndex } from "../../src/base/ids.js";
import { packageRoot } from "../../src/base/package-root.js";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { SimControl } from "../../src/sim/control/control-client.js";
import type { SimTunables } from "../../src/sim/engine/options.js";
import { type SimEngine, startSimEngine } from "../../src/sim/server.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import type { Store } from "../../src/store/store.js";
import type { EventName } from "../../src/telemetry/events.js";
import type { WorkerFigures } from "../../src/telemetry/heartbeat-fields.js";
import type { Logger } from "../../src/telemetry/logger.js";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics/metrics.js";
import { createTito } from "../../src/tito/create.js";
import type { Tito } from "../../src/tito/tito.js";
import { startWorker, type Worker } from "../../src/worker/worker.js";
import { clusterConfig } from "./cluster-config.js";
import { plainEngine } from "./plain-engine.js";

export const TOY_CHECKPOINT = join(packageRoot(), "checkpoints", "toy");

export interface Reply {
	status: number;
	headers: Record<string, string | string[] | undefined>;
	text: string;
	bytes: Buffer;
	/** The body parsed; an empty object when it is no JSON. */
	json: ReplyJson;
}

interface Choice {
	message: { role: string; content: string; tool_calls?: unknown };
	finish_reason: string;
	prompt_token_ids: number[];
	meta_info: { output_token_logprobs: Array<[number, number, string | null]>; [key: string]: unknown };
}

export interface RecordJson {
	request: { messages: unknown[]; input_ids: number[]; [key: string]: unknown };
	response: { id: string; choices: Choice[] };
	provisional?: boolean;
	[key: string]: unknown;
}

/** What replies may hold; a test reads what it expects. */
export interface ReplyJson {
	error?: { message: string; type: string; code: string; param?: string; details?: Record<string, unknown> };
	session_id?: string;
	records: RecordJson[];
	metadata: {
		accumulated_token_ids: number[];
		max_trim_tokens: number;
		tito_session_mismatch?: Array<{ type: string; segment_index: number; detail: string }>;
		tito_mismatch_error?: string;
		tree?: { nodes: Array<Record<string, unknown>>; leaves: Array<Record<string, unknown>> };
	};
	session: Record<string, unknown>;
	sessions: Array<Record<string, unknown>>;
	next_cursor: string | null;
	choices: Choice[];
	expires_at: number;
	created_at: number;
}

export interface WorkerRig {
	control: SimControl;
	engineUrl: string;
	store: Store;
	tito: Tito;
	worker: Worker;
	/** Counted into by each of its workers. */
	metrics: Metrics<"worker">;
	/** The worker's part of a heartbeat. */
	figures(): Promise<WorkerFigures>;
	events: Array<{ event: EventName; fields: Record<string, unknown> }>;
	/** Where the worker listens. */
	socketPath(): string;
	/** Sends one request; each has a connection of its own, so that aborting one touches no other. */
	request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<Reply>;
	/** POST chat of one session. */
	chat(id: string, body: object, options?: RequestOptions): Promise<Reply>;
	create(body?: object): Promise<string>;
	/** Starts another worker over the same store, as after a restart. */
	restart(): Promise<void>;
	close(): Promise<void>;
}

export interface RequestOptions {
	headers?: Record<string, string>;
	signal?: AbortSignal;
}

/** The chats that the engine saw, oldest first; notices of cancelled ones aside. */
export async function chatsSeen(control: SimControl): Promise<Awaited<ReturnType<SimControl["requests"]>>> {
	return (await control.requests()).filter(({ target }) => target.startsWith("/v1/chat/completions"));
}

export async function startRig(
	overrides: Partial<ClusterConfig> = {},
	openStore?: () => Promise<Store>,
	wrapTito: (tito: Tito) => Tito = (tito) => tito,
	clock: Clock = systemClock,
	samplesThread?: string,
	sim: Partial<SimTunables> = {},
): Promise<WorkerRig> {
	const checkpointDir = overrides.checkpointDir ?? TOY_CHECKPOINT;
	const dir = mkdtempSync(join(tmpdir(), "rollpin-rig-"));
	const engine: SimEngine = await startSimEngine({ checkpointDir, ...sim });
	const tito = wrapTito(
		await createTito({
			checkpointDir,
			chatTemplateFile: null,
			chatTemplateKwargs: new Map(),
			titoModel: "default",
		}),
	);
	const config = clusterConfig({
		backends: 1,
		upstream: engine.url,
		checkpointDir,
		...overrides,
	});
	const events: WorkerRig["events"] = [];
	const logger: Logger = {
		event: (event, fields) => void events.push({ event, fields: { ...fields } }),
		flush: async () => undefined,
	};
	const metrics = createMetrics("worker");
	const open = openStore ?? (async () => createMemoryStore({ tombstones: config.tombstones }));
	let starts = 0;
	let socketPath = "";
	const start = async (store: Store): Promise<Worker> => {
		socketPath = join(dir, `w${starts++}.sock`);
		return startWorker({
			index: 0 as WorkerIndex,
			config,
			address: { kind: "socket", path: socketPath },
			store,
			tito,
			engines: plainEngine(config, logger),
			logger,
			metrics,
			clock,
			...(samplesThread === undefined ? {} : { samplesThread }),
		});
	};
	const store = await open();
	let minted = 0;
	const rig: WorkerRig = {
		control: new SimControl(engine.controlUrl),
		engineUrl: engine.url,
		store,
		tito,
		worker: await start(store),
		metrics,
		figures: () => rig.worker.figures({ uptimeS: 0, takeLoopLagP99Ms: () => 0, partitionsRefused: 0 }),
		events,
		socketPath: () => socketPath,
		async request(method, path, body, options = {}) {
			const client = new Client("http://worker", { socketPath });
			try {
				const reply = await client.request({
					method: method as "GET",
					path,
					headers: {
						...(body === undefined ? {} : { "content-type": "application/json" }),
						...options.headers,
					},
					body:
						body === undefined
							? null
							: typeof body === "string" || Buffer.isBuffer(body)
								? body
								: JSON.stringify(body),
					signal: options.signal ?? null,
				});
				const bytes = Buffer.from(await reply.body.arrayBuffer());
				const text = bytes.toString("utf8");
				let json = {} as ReplyJson;
				try {
					json = JSON.parse(text) as ReplyJson;
				} catch {
					// Empty or an event stream: the test looks at the text.
				}
				return { status: reply.statusCode, headers: reply.headers, text, bytes, json };
			} finally {
				await client.destroy();
			}
		},
		chat: (id, body, options) => rig.request("POST", `/sessions/${id}/v1/chat/completions`, body, options),
		async create(body) {
			const id = `00${(minted++).toString(16).padStart(30, "0")}`;
			const reply = await rig.request("POST", "/sessions", body, { headers: { "x-rollpin-session-id": id } });
			if (reply.status !== 200) throw new Error(`create answered ${reply.status}: ${reply.text}`);
			return id;
		},
		async restart() {
			await rig.worker.drain(0);
			rig.store = await open();
			rig.worker = await start(rig.store);
		},
		async close() {
			await rig.control.reset();
			await rig.worker.drain(0);
			await engine.close();
			rmSync(dir, { recursive: true, force: true });
		},
	};
	return rig;
}
