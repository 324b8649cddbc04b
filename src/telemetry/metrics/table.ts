// The one table of Rollpin's own metrics: name, type, labels, buckets, help, who tells it. /metrics and its docs are made from it.

export type MetricRole = "primary" | "router" | "worker" | "sandbox";

export interface MetricSpec {
	type: "counter" | "gauge" | "histogram";
	help: string;
	/** Beside those of its process. Three at most; values are bounded: never a client's or an engine's own words. */
	labels?: readonly string[];
	/** Values of its only label that are there from the start, at 0: an alert sees the first event too. */
	values?: readonly string[];
	/** Upper ends; of a histogram only. */
	buckets?: readonly number[];
	/** The processes that tell it. A worker's figures carry `worker`; those that several kinds tell carry `role`, too. */
	by: readonly MetricRole[];
}

/** Of a request or a phase of one. */
const SECONDS = [
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
];
/** Of a commit. */
const SHORT_SECONDS = [
	0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2,
];
const LAG_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Of a sandbox's making: from a claim to a pull. */
const MAKE_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300];
const START_SECONDS = [0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120];

/** By name without `rollpin_`, in the order of the reply. */
export const METRICS = {
	build_info: {
		type: "gauge",
		help: "1; the labels say which release runs on which Node",
		labels: ["version", "node"],
		by: ["primary"],
	},
	http_requests_total: {
		type: "counter",
		help: "Requests by what their client got; 499: it left before the answer; `other`: no path, or no method, of ours",
		labels: ["route", "method", "status"],
		by: ["router"],
	},
	http_request_seconds: {
		type: "histogram",
		help: "From a request's head to the last byte of its answer",
		labels: ["route"],
		buckets: SECONDS,
		by: ["router"],
	},
	worker_requests_total: {
		type: "counter",
		help: "Requests that the router gave to the worker",
		by: ["worker"],
	},
	refused_total: {
		type: "counter",
		help: "Requests that Rollpin itself answered with an error, by its code (docs/errors.md)",
		labels: ["code"],
		by: ["router", "worker", "sandbox"],
	},
	chats_total: {
		type: "counter",
		help: "Chats by their end; `code` is empty without an error of ours, `finish_reason` without a turn",
		labels: ["status", "code", "finish_reason"],
		by: ["worker"],
	},
	chat_phase_seconds: {
		type: "histogram",
		help: "Time of a chat in each phase that it came to",
		labels: ["phase"],
		values: ["lock_wait", "tokenize", "engine", "read", "commit", "total"],
		buckets: SECONDS,
		by: ["worker"],
	},
	prompt_tokens_total: {
		type: "counter",
		help: "Tokens of prompts, the reused ones included",
		by: ["worker"],
	},
	reused_tokens_total: {
		type: "counter",
		help: "Tokens of prompts that were stored ones, taken over as they are",
		by: ["worker"],
	},
	completion_tokens_total: { type: "counter", help: "Tokens that the engine sampled", by: ["worker"] },
	replay_bytes_total: {
		type: "counter",
		help: "Bytes of replay payloads: received from the engine, stored of those (without what is known to be the turn's before), sent to readers",
		labels: ["direction"],
		values: ["received", "stored", "sent"],
		by: ["worker"],
	},
	turns_total: { type: "counter", help: "Turns committed", by: ["worker"] },
	rollbacks_total: {
		type: "counter",
		help: "Turns that a retry took the place of",
		labels: ["kind"],
		values: ["retry", "reworded", "replaced"],
		by: ["worker"],
	},
	branches_total: {
		type: "counter",
		help: "Tree mode: turns that left a path that was there",
		labels: ["kind"],
		values: ["retry", "reworded", "edit", "other"],
		by: ["worker"],
	},
	refused_histories_total: {
		type: "counter",
		help: "Chats refused because they were neither the stored history nor a retry",
		labels: ["code"],
		values: ["history_mismatch", "rollback_limit"],
		by: ["worker"],
	},
	mismatches_total: {
		type: "counter",
		help: "Reads whose tito_session_mismatch held more than an assistant's own text, by the type of the first such mismatch",
		labels: ["type"],
		values: ["special_token_count", "special_token_type", "non_assistant_text"],
		by: ["worker"],
	},
	aborted_turns_total: {
		type: "counter",
		help: "Turns kept as provisional because the engine aborted them",
		by: ["worker"],
	},
	control_text_total: {
		type: "counter",
		help: "Sessions in which a message's text spells a control token",
		by: ["worker"],
	},
	stop_joins_total: {
		type: "counter",
		help: "Turns whose prompt closes an answer that a stop string had ended",
		by: ["worker"],
	},
	engine_requests_total: {
		type: "counter",
		help: "Exchanges with the engine by their end: ok, refused (4xx), failed (5xx), invalid, unreachable, timeout, cancelled, breaker_open (nothing was sent)",
		labels: ["upstream", "outcome"],
		by: ["worker"],
	},
	engine_seconds: {
		type: "histogram",
		help: "From the call of the engine to its whole reply, of chats that were answered",
		buckets: SECONDS,
		by: ["worker"],
	},
	engine_up: {
		type: "gauge",
		help: "0 when the worker's last exchange with it could not be made; absent before the first one",
		labels: ["upstream"],
		by: ["worker"],
	},
	breaker_open: {
		type: "gauge",
		help: "1 while the worker finds the engine unreachable and refuses chats",
		labels: ["upstream"],
		by: ["worker"],
	},
	sessions: { type: "gauge", help: "Live sessions", by: ["worker"] },
	sessions_created_total: { type: "counter", help: "Sessions made", by: ["worker"] },
	sessions_ended_total: {
		type: "counter",
		help: "Sessions ended, by why",
		labels: ["reason"],
		values: ["deleted", "ttl", "idle"],
		by: ["worker"],
	},
	session_queue: { type: "gauge", help: "Chats that wait for their session's lock", by: ["worker"] },
	inflight: { type: "gauge", help: "Chats under way", by: ["worker"] },
	inflight_bytes: {
		type: "gauge",
		help: "Bytes of the bodies and replies of chats under way",
		by: ["worker"],
	},
	sessions_damaged: {
		type: "gauge",
		help: "Sessions that are refused because what is stored of them is damaged",
		by: ["worker"],
	},
	store_bytes: { type: "gauge", help: "Size of the worker's part of the store", by: ["worker"] },
	store_free_bytes: {
		type: "gauge",
		help: "Free bytes of the data dir's medium; absent with --store memory",
		by: ["primary"],
	},
	store_writable: {
		type: "gauge",
		help: "0 when the worker's last commit failed for its medium: no room, read-only, gone",
		by: ["worker"],
	},
	commit_seconds: {
		type: "histogram",
		help: "Time of a commit in the store",
		buckets: SHORT_SECONDS,
		by: ["worker"],
	},
	partitions_refused: {
		type: "gauge",
		help: "Parts of the data dir that the worker owns and does not serve",
		by: ["worker"],
	},
	sandboxes: {
		type: "gauge",
		help: "Sandboxes that are there or being made",
		labels: ["state"],
		by: ["sandbox"],
	},
	sandboxes_created_total: { type: "counter", help: "Sandboxes made", by: ["sandbox"] },
	sandbox_create_failures_total: {
		type: "counter",
		help: "Sandboxes that could not be made, or were ended before they were",
		by: ["sandbox"],
	},
	sandboxes_ended_total: {
		type: "counter",
		help: "Sandboxes ended, by why; of `expired`, `lost` and `oom` what was done in them is to be masked",
		labels: ["reason"],
		values: ["deleted", "session_ended", "expired", "lost", "oom"],
		by: ["sandbox"],
	},
	sandboxes_reaped_total: {
		type: "counter",
		help: "Things at the backend that a pass of the reaper removed: ended ones, overdue ones, nobody's, another cluster's long after their time",
		labels: ["why"],
		values: ["ended", "overdue", "orphan", "foreign_overdue"],
		by: ["sandbox"],
	},
	sandbox_create_seconds: {
		type: "histogram",
		help: "Time of a create in each phase that it came to",
		labels: ["phase"],
		values: ["queue", "pull", "create", "start", "total"],
		buckets: MAKE_SECONDS,
		by: ["sandbox"],
	},
	sandbox_exec_seconds: {
		type: "histogram",
		help: "From the start of a command to its end",
		buckets: SECONDS,
		by: ["sandbox"],
	},
	sandbox_exec_timeouts_total: {
		type: "counter",
		help: "Commands that were killed at their timeout",
		by: ["sandbox"],
	},
	sandbox_reap_failures_total: {
		type: "counter",
		help: "Passes of the reaper that could not list, and things that it could not remove",
		by: ["sandbox"],
	},
	sandbox_reaper_age_seconds: {
		type: "gauge",
		help: "Since the last pass of the reaper that went through; one is due every 30 s",
		by: ["sandbox"],
	},
	sandboxes_overdue: {
		type: "gauge",
		help: "Sandboxes that the last pass found after their announced end",
		by: ["sandbox"],
	},
	sandbox_overdue_seconds: {
		type: "gauge",
		help: "How long after its announced end the worst of them was",
		by: ["sandbox"],
	},
	workers: { type: "gauge", help: "Workers by state", labels: ["state"], by: ["primary"] },
	worker_restarts_total: {
		type: "counter",
		help: "Processes that ended and get a successor: as planned (a reload, SIGTERM), by a crash, or killed for their silence",
		labels: ["reason"],
		values: ["planned", "crash", "unresponsive"],
		by: ["primary"],
	},
	worker_ready_seconds: {
		type: "histogram",
		help: "From a worker's start until it takes requests",
		buckets: START_SECONDS,
		by: ["primary"],
	},
	heartbeats_missed_total: {
		type: "counter",
		help: "Heartbeats that a worker did not answer",
		by: ["primary"],
	},
	scrapes_missed_total: {
		type: "counter",
		help: "Scrapes that went without the figures of a process, which did not answer in time",
		labels: ["process"],
		by: ["primary", "router"],
	},
	log_dropped_total: {
		type: "counter",
		help: "Log records that were dropped because nobody took them",
		by: ["primary", "router", "worker", "sandbox"],
	},
	event_loop_lag_seconds: {
		type: "histogram",
		help: "How late the event loop runs what is due, looked at every 50 ms",
		buckets: LAG_SECONDS,
		by: ["primary", "router", "worker", "sandbox"],
	},
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof METRICS;

/** The table as rows of one type, in its order. */
export const METRIC_ROWS = Object.entries(METRICS) as ReadonlyArray<readonly [MetricName, MetricSpec]>;
