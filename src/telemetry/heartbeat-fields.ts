// The one table of heartbeat fields: the record and its docs are made from it. Knows no process.
// What is counted is counted once, in the metrics (metrics/table.ts): a heartbeat shows some of it.
import { totalOf } from "./metrics/cells.js";
import type { Metrics } from "./metrics/metrics.js";

/** A process as the operating system shows it to the primary. */
export interface ProcessUsage {
	rssBytes: number;
	vmsBytes: number;
	/** Of one core, since the last measurement. */
	cpuPercent: number;
}

/** What a worker's own figures are read from. */
export interface WorkerFacts {
	uptimeS: number;
	/** Starts the next period. */
	takeLoopLagP99Ms(): number;
	partitionsRefused: number;
	admission: { readonly inflight: number };
	registry: { readonly size: number; readonly queueDepth: number };
	store: { sizeBytes(): Promise<number>; damagedSessions(): number };
	engines: { all(): ReadonlyArray<{ readonly client: { readonly unreachable: boolean } }> };
	metrics: Metrics<"worker">;
}

/** Where the value comes from. */
type Origin =
	| { worker: (facts: WorkerFacts) => number | Promise<number> }
	/** Measured by the primary, from outside. */
	| { process: (usage: ProcessUsage) => number };

interface HeartbeatField {
	unit: "" | "s" | "ms" | "MiB" | "%";
	/** Digits after the point in the record. */
	digits: number;
	from: Origin;
	/** What the docs say. */
	help: string;
}

const MIB = 1024 * 1024;

/** By name, in the order in which the record has them. */
export const HEARTBEAT_FIELDS = {
	uptime_s: {
		unit: "s",
		digits: 0,
		from: { worker: ({ uptimeS }) => uptimeS },
		help: "Seconds since the worker started",
	},
	rss_mb: {
		unit: "MiB",
		digits: 1,
		from: { process: ({ rssBytes }) => rssBytes / MIB },
		help: "Resident memory of the worker in MiB",
	},
	vms_mb: {
		unit: "MiB",
		digits: 1,
		from: { process: ({ vmsBytes }) => vmsBytes / MIB },
		help: "Virtual memory of the worker in MiB",
	},
	cpu_percent: {
		unit: "%",
		digits: 1,
		from: { process: ({ cpuPercent }) => cpuPercent },
		help: "CPU of the worker; 100 is one core",
	},
	loop_lag_p99_ms: {
		unit: "ms",
		digits: 2,
		from: { worker: (facts) => facts.takeLoopLagP99Ms() },
		help: "99th percentile of the event loop's delay since the last heartbeat",
	},
	inflight: {
		unit: "",
		digits: 0,
		from: { worker: ({ admission }) => admission.inflight },
		help: "Chats under way",
	},
	reqs_total: {
		unit: "",
		digits: 0,
		from: { worker: ({ metrics }) => metrics.worker_requests_total.value },
		help: "Requests since the worker started",
	},
	turns_completed: {
		unit: "",
		digits: 0,
		from: { worker: ({ metrics }) => metrics.turns_total.value },
		help: "Turns committed since the worker started",
	},
	hard_mismatches: {
		unit: "",
		digits: 0,
		from: { worker: ({ metrics }) => totalOf(metrics.mismatches_total) },
		help: "Reads whose tito_session_mismatch held more than an assistant's own text, since the worker started",
	},
	rollbacks: {
		unit: "",
		digits: 0,
		from: { worker: ({ metrics }) => totalOf(metrics.rollbacks_total) },
		help: "Turns that a retry took the place of, since the worker started",
	},
	history_refused: {
		unit: "",
		digits: 0,
		from: { worker: ({ metrics }) => totalOf(metrics.refused_histories_total) },
		help: "Chats refused because they were neither the stored history nor a retry, since the worker started",
	},
	branches: {
		unit: "",
		digits: 0,
		from: { worker: ({ metrics }) => totalOf(metrics.branches_total) },
		help: "Tree mode: turns that left a path that was there, since the worker started",
	},
	sessions: {
		unit: "",
		digits: 0,
		from: { worker: ({ registry }) => registry.size },
		help: "Live sessions",
	},
	queue_depth: {
		unit: "",
		digits: 0,
		from: { worker: ({ registry }) => registry.queueDepth },
		help: "Chats waiting for their session's lock",
	},
	store_mb: {
		unit: "MiB",
		digits: 2,
		from: { worker: async ({ store }) => (await store.sizeBytes()) / MIB },
		help: "Size of the worker's part of the store in MiB",
	},
	partitions_refused: {
		unit: "",
		digits: 0,
		from: { worker: ({ partitionsRefused }) => partitionsRefused },
		help: "Parts of the data dir that the worker owns and does not serve",
	},
	sessions_damaged: {
		unit: "",
		digits: 0,
		from: { worker: ({ store }) => store.damagedSessions() },
		help: "Sessions that are refused because what is stored of them is damaged",
	},
	breaker_open: {
		unit: "",
		digits: 0,
		from: { worker: ({ engines }) => (engines.all().some(({ client }) => client.unreachable) ? 1 : 0) },
		help: "1 while the worker's chats find the engine unreachable and are refused",
	},
} as const satisfies Record<string, HeartbeatField>;

type Fields = typeof HEARTBEAT_FIELDS;

export type FieldName = keyof Fields;

type NamesFrom<Kind> = {
	[Name in FieldName]: Fields[Name]["from"] extends Kind ? Name : never;
}[FieldName];

/** The part of a heartbeat that the worker knows itself. */
export type WorkerFigures = Record<NamesFrom<{ worker: (facts: WorkerFacts) => unknown }>, number>;

/** The table as rows of one type, in its order. */
export const HEARTBEAT_ROWS = Object.entries(HEARTBEAT_FIELDS) as ReadonlyArray<
	readonly [FieldName, HeartbeatField]
>;
