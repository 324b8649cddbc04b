// One worker's rooms, wired together: store, registry, tokens, engine, routes. Knows nothing of processes or IPC.
import type { Server } from "node:http";
import type { Clock } from "../base/clock.js";
import { RollpinError } from "../base/errors.js";
import type { WorkerIndex } from "../base/ids.js";
import { PartitionMap } from "../base/partitions.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { WorkerAddress } from "../ipc/worker-address.js";
import { dumpSession } from "../reads/evict-dump.js";
import type { ReadContext } from "../reads/read-context.js";
import { SampleAssembler } from "../samples/assembler.js";
import { readNumLayers } from "../samples/model-layers.js";
import { SessionRegistry } from "../session/life/registry.js";
import type { RegistryOptions } from "../session/life/registry-options.js";
import type { SessionResource } from "../session/life/resource.js";
import { linearPolicy } from "../session/place/linear.js";
import { allMatchers } from "../session/place/matchers.js";
import { treePolicy } from "../session/place/tree.js";
import type { Store } from "../store/store.js";
import { readFigures } from "../telemetry/heartbeat.js";
import type { WorkerFacts, WorkerFigures } from "../telemetry/heartbeat-fields.js";
import type { Logger } from "../telemetry/logger.js";
import type { Gauges, Metrics } from "../telemetry/metrics/metrics.js";
import type { Tito } from "../tito/tito.js";
import { Admission } from "./admission.js";
import type { WorkerContext } from "./context.js";
import { drainServer } from "./drain.js";
import type { EngineDirectory } from "./engines.js";
import { collectWhenIdle } from "./idle-collection.js";
import { readLog } from "./read-log.js";
import type { SandboxResource } from "./sandbox-resource.js";
import { listen } from "./server.js";
import { type MetricFacts, workerGauges } from "./worker-metrics.js";

/** Rebuildable state of idle sessions that one worker keeps in memory. */
const HOT_BYTES_BUDGET = 256 * 1024 * 1024;

const CUT_TEXT =
	"this worker ends, and this chat outlasted its drain time (--drain-timeout); nothing of it was kept, send it again";

export interface WorkerParts {
	index: WorkerIndex;
	config: ClusterConfig;
	address: WorkerAddress;
	store: Store;
	tito: Tito;
	logger: Logger;
	/** Counted into. */
	metrics: Metrics<"worker">;
	clock: Clock;
	/** Closed with the worker. */
	engines: EngineDirectory;
	/** What sessions may have outside the store. */
	resources?: readonly SessionResource[];
	/** Null, or left out: no session has a sandbox. */
	sandbox?: SandboxResource | null;
	/** Entry of the assembly thread; by default the one in the build. */
	samplesThread?: string;
}

/** What only the process knows of itself. */
type ProcessFacts = Pick<WorkerFacts, "uptimeS" | "takeLoopLagP99Ms" | "partitionsRefused">;

export interface Worker {
	/** Its part of a heartbeat. */
	figures(ofProcess: ProcessFacts): Promise<WorkerFigures>;
	/** What its metrics are read from beside what is counted. */
	gauges(facts: MetricFacts): Gauges<"worker">;
	/** The configuration has changed. */
	reconfigured(): void;
	/** Takes nothing new, lets running requests end for at most `timeoutMs`, and closes everything. */
	drain(timeoutMs: number): Promise<void>;
}

/** Serves at its address from when this resolves. Throws when it can't be listened on. */
export async function startWorker(parts: WorkerParts): Promise<Worker> {
	const { config, engines, logger, metrics, store } = parts;
	const { limits } = config;
	const matchers = allMatchers(parts.tito);
	const partitions = new PartitionMap(config.backends);
	const reads: ReadContext = {
		store,
		partitions,
		tito: parts.tito,
		config,
		numLayers: readNumLayers(config.checkpointDir),
		listener: readLog(metrics, logger),
	};
	const registry = createRegistry(parts, reads);
	// Before the first request: a session whose deadline passed while nobody ran must not be served once more.
	await registry.start();
	const context: WorkerContext = {
		index: parts.index,
		config,
		partitions,
		registry,
		store,
		tito: parts.tito,
		engines,
		placing: (meta) => ({
			policy: (meta.mode ?? config.mode) === "tree" ? treePolicy : linearPolicy,
			matcher: matchers[meta.messageMatcher ?? config.messageMatcher],
		}),
		admission: new Admission(limits),
		assembler: await createAssembler(parts),
		reads,
		metrics,
		logger,
		clock: parts.clock,
		sandbox: parts.sandbox ?? null,
	};
	const server: Server = await listen(context, parts.address);
	const stopCollecting = collectWhenIdle();
	return {
		figures: (ofProcess) => readFigures({ ...context, ...ofProcess }),
		gauges: (facts) => workerGauges(context, facts),
		reconfigured: () => registry.idleLimitChanged(),
		async drain(timeoutMs) {
			await drainServer(server, timeoutMs, () => {
				const cut = new RollpinError("draining", CUT_TEXT, { retryAfterS: 5 });
				registry.endChats(cut);
				context.admission.cut(cut);
			});
			registry.stop();
			stopCollecting();
			await context.assembler.close();
			await engines.close();
			await store.close();
			await logger.flush();
		},
	};
}

/** With hooks the thread starts at once, so that a bad one is told at the start and not by the first trainer. */
async function createAssembler({ config, samplesThread }: WorkerParts): Promise<SampleAssembler> {
	const { samplePicker: picker, samplePostprocessor: postprocessor } = config;
	const assembler = new SampleAssembler({ picker, postprocessor }, samplesThread);
	if (picker !== null || postprocessor !== null) await assembler.start();
	return assembler;
}

/** As the configuration says at the time of asking. */
function registryOptions(config: ClusterConfig): RegistryOptions {
	const { limits } = config;
	return {
		get sessionTtlS() {
			return config.sessionTtlS;
		},
		get maxSessionTtlS() {
			return config.maxSessionTtlS;
		},
		get idleTtlS() {
			return config.sessionIdleTtlS;
		},
		get maxSessions() {
			return limits.maxSessionsPerWorker;
		},
		get maxQueuePerSession() {
			return limits.maxQueuePerSession;
		},
		hotBytesBudget: HOT_BYTES_BUDGET,
	};
}

function createRegistry(
	{ clock, config, index, logger, metrics, resources = [], sandbox = null, store }: WorkerParts,
	reads: ReadContext,
): SessionRegistry {
	return new SessionRegistry(
		store,
		registryOptions(config),
		{
			created(meta) {
				metrics.sessions_created_total.value++;
				logger.event("session_created", { session_id: meta.id, expires_at: meta.expiresAt });
			},
			deleted(meta, cancelled) {
				metrics.sessions_ended_total.at("deleted").value++;
				logger.event("session_deleted", { session_id: meta.id, turns: meta.turnCount, cancelled });
			},
			reaped(meta, reason, overdueMs) {
				metrics.sessions_ended_total.at(reason).value++;
				logger.event("session_reaped", {
					session_id: meta.id,
					reason,
					turns: meta.turnCount,
					overdue_ms: Math.round(overdueMs),
				});
			},
			swept: (sweepMs, reaped, overdue) =>
				logger.event("reaper_sweep", { sweep_ms: Math.round(sweepMs * 100) / 100, reaped, overdue }),
			resourceFailed: ({ session, resource, failures, error }) =>
				logger.event("resource_failed", { session_id: session ?? "", resource, failures, err: error }),
			failed: (id, error) =>
				logger.event("request_error", {
					x_request_id: "",
					method: "TIMER",
					path: `/sessions/${id}`,
					err: error,
				}),
		},
		clock,
		{
			async beforeExpiry(session) {
				if (config.evictDumpDir === null) return;
				try {
					await dumpSession(config.evictDumpDir, reads, session);
				} catch (error) {
					// What is damaged stays so: a later try would fail too, and the session would never end.
					if (!(error instanceof RollpinError && error.code === "store_damaged")) throw error;
					const { id, turnCount } = session.meta;
					logger.event("session_not_dumped", { session_id: id, turns: turnCount, err: error });
				}
			},
			resources: sandbox === null ? resources : [...resources, sandbox],
			owns: (id) => reads.partitions.workerOf(id) === index,
		},
	);
}
