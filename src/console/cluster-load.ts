// What a cluster is doing, by its metrics: each worker's figures, latencies, errors, engines. Pure.
import type { Sample, Samples } from "./exposition.js";
import { Growth, type Scrape } from "./growth.js";
import { plural } from "./plural.js";
import { spanText } from "./span-text.js";

/** Null: not told. Rates and latencies are those between two scrapes, and null with one. */
export interface WorkerLoad {
	sessions: number | null;
	running: number | null;
	queued: number | null;
	turns: number | null;
	turns_per_s: number | null;
	p50_ms: number | null;
	p99_ms: number | null;
	errors_per_s: number | null;
	cpu_percent: number | null;
	lag_p99_ms: number | null;
	rss_mib: number | null;
	store_mib: number | null;
	up_s: number | null;
	/** What needs a look, in words: counts since the process started. */
	notes: string[];
}

export interface EngineLoad {
	upstream: string;
	/** Whether the workers' last exchanges with it could be made. */
	state: "up" | "down" | "partly down" | "not asked yet";
	/** Workers that refuse chats because they find it unreachable. */
	breakers_open: number;
	requests_per_s: number | null;
	failures_per_s: number | null;
}

export interface ClusterLoad {
	/** Between the two scrapes; null with one. */
	seconds: number | null;
	sessions: number;
	running: number;
	queued: number;
	turns_per_s: number | null;
	tokens_per_s: number | null;
	/** Of chats, as their clients saw them. */
	p50_ms: number | null;
	p99_ms: number | null;
	/** By code, per second, most frequent first. */
	errors: Array<{ code: string; per_s: number }>;
	engines: EngineLoad[];
	engine_p50_ms: number | null;
	engine_p99_ms: number | null;
	/** Workers that did not answer in time: their figures are older ones, or missing. */
	late: number[];
	workers: ReadonlyMap<number, WorkerLoad>;
}

const MIB = 1024 * 1024;
const CHATS = "/sessions/{id}/v1/chat/completions";
const FAILURES: ReadonlySet<string> = new Set([
	"failed",
	"invalid",
	"unreachable",
	"timeout",
	"breaker_open",
]);

/**
 * @param nowS Unix seconds
 * @param late how old the figures of a worker are, in seconds, where they are not of this scrape; null: it never told any
 */
export function loadOf(
	before: Scrape | null,
	now: Scrape,
	nowS: number,
	late: ReadonlyMap<number, number | null> = new Map(),
): ClusterLoad {
	const { samples } = now;
	const growth = before === null ? null : new Growth(before, now);
	const workers = new Map<number, WorkerLoad>();
	for (const index of new Set([...indexesOf(samples), ...late.keys()])) {
		const load = workerLoad(samples, growth, index, nowS);
		const age = late.get(index);
		if (age === null) load.notes.unshift("does not tell its figures");
		else if (age !== undefined) load.notes.unshift(`figures ${spanText(age)} old`);
		workers.set(index, load);
	}
	const chats = (fraction: number) =>
		msOf(growth?.quantile("rollpin_http_request_seconds", fraction, ({ route }) => route === CHATS));
	const engine = (fraction: number) => msOf(growth?.quantile("rollpin_engine_seconds", fraction));
	return {
		seconds: growth?.seconds ?? null,
		sessions: sum(samples, "rollpin_sessions") ?? 0,
		running: sum(samples, "rollpin_inflight") ?? 0,
		queued: sum(samples, "rollpin_session_queue") ?? 0,
		turns_per_s: growth?.perS("rollpin_turns_total") ?? null,
		tokens_per_s: growth?.perS("rollpin_completion_tokens_total") ?? null,
		p50_ms: chats(0.5),
		p99_ms: chats(0.99),
		errors: growth === null ? [] : errorsOf(growth),
		engines: enginesOf(samples, growth),
		engine_p50_ms: engine(0.5),
		engine_p99_ms: engine(0.99),
		late: [...late.keys()],
		workers,
	};
}

function workerLoad(samples: Samples, growth: Growth | null, index: number, nowS: number): WorkerLoad {
	const own = ({ worker }: Sample["labels"]) => worker === String(index);
	const gauge = (name: string) => sum(samples, name, own);
	const total = (labels: Sample["labels"]) => own(labels) && labels["phase"] === "total";
	const started = gauge("process_start_time_seconds");
	return {
		sessions: gauge("rollpin_sessions"),
		running: gauge("rollpin_inflight"),
		queued: gauge("rollpin_session_queue"),
		turns: gauge("rollpin_turns_total"),
		turns_per_s: growth?.perS("rollpin_turns_total", own) ?? null,
		p50_ms: msOf(growth?.quantile("rollpin_chat_phase_seconds", 0.5, total)),
		p99_ms: msOf(growth?.quantile("rollpin_chat_phase_seconds", 0.99, total)),
		errors_per_s: growth?.perS("rollpin_chats_total", (labels) => own(labels) && isError(labels)) ?? null,
		cpu_percent: scaled(growth?.perS("process_cpu_seconds_total", own), 100),
		lag_p99_ms: msOf(growth?.quantile("rollpin_event_loop_lag_seconds", 0.99, own)),
		rss_mib: scaled(gauge("process_resident_memory_bytes"), 1 / MIB),
		store_mib: scaled(gauge("rollpin_store_bytes"), 1 / MIB),
		up_s: started === null ? null : Math.max(0, nowS - started),
		notes: notesOf(samples, own),
	};
}

/** In the order in which they are shown: the gravest first. */
const NOTES: ReadonlyArray<{
	metric: string;
	when: (value: number) => boolean;
	text: (value: number) => string;
}> = [
	{ metric: "rollpin_breaker_open", when: above0, text: () => "engine unreachable" },
	{ metric: "rollpin_store_writable", when: (value) => value === 0, text: () => "store takes no writes" },
	{
		metric: "rollpin_partitions_refused",
		when: above0,
		text: (n) => plural(n, "partition refused", "partitions refused"),
	},
	{
		metric: "rollpin_sessions_damaged",
		when: above0,
		text: (n) => plural(n, "session damaged", "sessions damaged"),
	},
	{
		metric: "rollpin_mismatches_total",
		when: above0,
		text: (n) => plural(n, "hard mismatch", "hard mismatches"),
	},
	{
		metric: "rollpin_refused_histories_total",
		when: above0,
		text: (n) => plural(n, "history refused", "histories refused"),
	},
	{ metric: "rollpin_rollbacks_total", when: above0, text: (n) => plural(n, "retry", "retries") },
	{ metric: "rollpin_branches_total", when: above0, text: (n) => plural(n, "branch", "branches") },
	{
		metric: "rollpin_aborted_turns_total",
		when: above0,
		text: (n) => plural(n, "aborted turn", "aborted turns"),
	},
	{ metric: "rollpin_control_text_total", when: above0, text: (n) => `${n} with control text` },
];

function above0(value: number): boolean {
	return value > 0;
}

function notesOf(samples: Samples, own: (labels: Sample["labels"]) => boolean): string[] {
	return NOTES.flatMap(({ metric, text, when }) => {
		const value = sum(samples, metric, own);
		return value !== null && when(value) ? [text(value)] : [];
	});
}

/** Chats of workers, and what the router refused before it came to one. A client that left is no error. */
function errorsOf(growth: Growth): ClusterLoad["errors"] {
	const chats = growth.by("rollpin_chats_total", "code", isError);
	const refused = growth.by("rollpin_refused_total", "code", ({ role }) => role === "router");
	const sums = new Map<string, number>();
	for (const [code, count] of [...chats, ...refused]) sums.set(code, (sums.get(code) ?? 0) + count);
	return [...sums]
		.sort(([, a], [, b]) => b - a)
		.map(([code, count]) => ({ code, per_s: count / growth.seconds }));
}

function isError({ status }: Sample["labels"]): boolean {
	return Number(status) >= 400 && status !== "499";
}

function enginesOf(samples: Samples, growth: Growth | null): EngineLoad[] {
	const names = ["rollpin_engine_up", "rollpin_breaker_open", "rollpin_engine_requests_total"];
	const upstreams = new Set(
		names.flatMap((name) => (samples.get(name) ?? []).map(({ labels }) => labels["upstream"] ?? "")),
	);
	return [...upstreams].sort().map((upstream) => {
		const own = (labels: Sample["labels"]) => labels["upstream"] === upstream;
		const up = (samples.get("rollpin_engine_up") ?? []).filter(({ labels }) => own(labels));
		const down = up.filter(({ value }) => value === 0).length;
		const state =
			up.length === 0 ? "not asked yet" : down === 0 ? "up" : down === up.length ? "down" : "partly down";
		const requests = (failed: boolean) =>
			growth?.perS(
				"rollpin_engine_requests_total",
				(labels) => own(labels) && (!failed || FAILURES.has(labels["outcome"] ?? "")),
			) ?? null;
		return {
			upstream,
			state,
			breakers_open: sum(samples, "rollpin_breaker_open", own) ?? 0,
			requests_per_s: requests(false),
			failures_per_s: requests(true),
		};
	});
}

function indexesOf(samples: Samples): number[] {
	const named = (samples.get("process_start_time_seconds") ?? []).flatMap(
		({ labels }) => labels["worker"] ?? [],
	);
	return named.map(Number).sort((a, b) => a - b);
}

/** Null when there is no such sample. */
function sum(
	samples: Samples,
	name: string,
	wanted: (labels: Sample["labels"]) => boolean = () => true,
): number | null {
	const found = (samples.get(name) ?? []).filter(({ labels }) => wanted(labels));
	return found.length === 0 ? null : found.reduce((total, { value }) => total + value, 0);
}

function scaled(value: number | null | undefined, factor: number): number | null {
	return value === null || value === undefined ? null : value * factor;
}

function msOf(seconds: number | null | undefined): number | null {
	return scaled(seconds, 1000);
}
