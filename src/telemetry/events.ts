// Names and shapes of every log record: a closed union, so that a misspelt event does not compile.
// docs/events.md is checked against EVENT_LEVELS by a test.
import type { Heartbeat } from "./heartbeat.js";

export interface ChatDone {
	req_id: string;
	session_id: string;
	status: number;
	code: string | null;
	finish_reason: string | null;
	turn: number | null;
	lock_wait_ms: number;
	tokenize_in_ms: number;
	proxy_elapsed_ms: number;
	tokenize_out_ms: number;
	commit_ms: number;
	total_ms: number;
	prompt_tokens: number;
	reused_tokens: number;
	completion_tokens: number;
	reply_bytes: number;
	inflight_now: number;
	/** The generated message, JSON text; only with --log-content. */
	content?: string;
}

interface ChildExit {
	worker_pid: number;
	epoch: number;
	exit_code: number | null;
	exit_signal: string | null;
	/** The end of what it wrote to stderr just before, or null: the stack of what it died of. */
	stderr: string | null;
}

export interface EventFields {
	cluster_starting: { backends: number; backends_from: string; version: string; node: string };
	cluster_ready: {
		url: string;
		backends: number;
		worker_pids: number[];
		router_pid: number;
		upstream: string;
		mode: string;
		tito_model: string;
		tito_model_from: string;
		data_dir: string;
	};
	sim_engine: { url: string; control_url: string; sim_pid: number };
	heartbeat: Heartbeat;
	heartbeat_missed: { worker: number; worker_pid: number; missed: number };
	chat_start: {
		req_id: string;
		session_id: string;
		x_request_id: string;
		messages: number;
		inflight_now: number;
		content?: string;
	};
	chat_done: ChatDone;
	proxy_transport_error: { req_id: string; url: string; elapsed_ms: number; code: string };
	upstream_unreachable: { url: string; code: string };
	engine_check: {
		result: "ok" | "differs" | "skipped";
		by: string;
		conversation: string | null;
		position: number | null;
		ours: string | null;
		engine: string | null;
	};
	engine_release: { url: string; engine: string; release: string | null; tool_schema_version: number };
	template_differs: { tito_model: string; checkpoint: string };
	tokenizer_slow: { checkpoint: string; reason: string };
	rollback: {
		req_id: string;
		session_id: string;
		/** `retry`: the same messages once more; `reworded`: others; `replaced`: see `--on-altered-answer`. */
		kind: string;
		discarded_turn: number;
		head: number | null;
		/** Where the request departs from the discarded turn, by message and by JSON path. */
		index: number;
		path: string;
	};
	/** A request that is neither the stored history nor a retry; `turn` is the newest one. */
	history_refused: { req_id: string; session_id: string; code: string; turn: number | null; path: string };
	/** Tree mode: a turn that does not go on with a path that was there. */
	branch: {
		req_id: string;
		session_id: string;
		kind: string;
		turn: number;
		/** The turn it departs from. */
		left: number;
		index: number;
		path: string;
	};
	tools_changed: { req_id: string; session_id: string; turn: number; change: string };
	/** Once for each session and process: text of a message that the tokenizer makes a control token. */
	control_text: { req_id: string; session_id: string; message: number; token: string };
	/** Seen by a read, once for each session and process; the reads themselves are counted in `heartbeat`. */
	hard_mismatch: { session_id: string; turn: number; count: number; mismatch: string };
	mismatch_report_failed: { session_id: string; turn: number; err: unknown };
	/** `POST /sessions` was answered with an error: no session was made. */
	session_refused: { x_request_id: string; code: string };
	session_created: { session_id: string; expires_at: number };
	session_deleted: { session_id: string; turns: number; cancelled: number };
	session_reaped: { session_id: string; reason: string; turns: number; overdue_ms: number };
	/** A damaged session ended without the dump that `--evict-dump` asks for. */
	session_not_dumped: { session_id: string; turns: number; err: unknown };
	session_extended: { session_id: string; expires_at: number };
	chats_cancelled: { session_id: string; cancelled: number };
	resource_failed: { session_id: string; resource: string; failures: number; err: unknown };
	sandbox_unisolated: { backend: string };
	/** `phases_ms`: time in each phase that its making came to. */
	sandbox_created: {
		sandbox_id: string;
		session_id: string | null;
		image: string;
		expires_at: number;
		phases_ms: Record<string, number>;
	};
	sandbox_ended: { sandbox_id: string; session_id: string | null; reason: string; age_s: number };
	/** A pass of the reaper removed it at the backend. `overdue_ms`: since its announced end. */
	sandbox_reaped: { sandbox_id: string; why: string; overdue_ms: number };
	/** `sandbox_id` null: the pass as a whole, which could not list. */
	sandbox_reap_failed: { sandbox_id: string | null; failures: number; err: unknown };
	/** Its record could not be written, or was found damaged (`msg` says which file). */
	sandbox_record_failed: { sandbox_id: string; err: unknown };
	/** The data dir is a copy; the sandboxes of these records are left to the original's cluster. */
	sandbox_records_foreign: { records: number };
	sandbox_end_unheard: { sandbox_id: string; session_id: string | null; err: unknown };
	exec_done: {
		sandbox_id: string;
		session_id: string | null;
		exec_id: string;
		exit_code: number | null;
		timed_out: boolean;
		duration_ms: number;
		stdout_bytes: number;
		stderr_bytes: number;
	};
	reaper_sweep: { sweep_ms: number; reaped: number; overdue: number };
	request_error: { x_request_id: string; method: string; path: string; err: unknown };
	worker_spawn: { worker: number; worker_pid: number; epoch: number; attempt: number; after_ms: number };
	worker_ready: { worker: number; worker_pid: number; epoch: number; after_ms: number };
	worker_exit: ChildExit & { worker: number; inflight: number; after_ms: number };
	worker_quarantined: { worker: number; crashes: number };
	worker_unresponsive: { worker: number; worker_pid: number; silent_ms: number };
	router_spawn: { router_pid: number; epoch: number; attempt: number; after_ms: number };
	router_ready: { router_pid: number; epoch: number; after_ms: number };
	router_exit: Omit<ChildExit, "worker_pid"> & { router_pid: number; after_ms: number };
	router_unresponsive: { router_pid: number; silent_ms: number };
	sim_spawn: { sim_pid: number; epoch: number; attempt: number; after_ms: number };
	sim_ready: { sim_pid: number; epoch: number; after_ms: number };
	sim_exit: Omit<ChildExit, "worker_pid"> & { sim_pid: number; after_ms: number };
	sim_unresponsive: { sim_pid: number; silent_ms: number };
	sandbox_process_spawn: { sandbox_pid: number; epoch: number; attempt: number; after_ms: number };
	sandbox_process_ready: { sandbox_pid: number; epoch: number; after_ms: number };
	sandbox_process_exit: Omit<ChildExit, "worker_pid"> & { sandbox_pid: number; after_ms: number };
	sandbox_process_unresponsive: { sandbox_pid: number; silent_ms: number };
	/** Accepting on the front port failed (out of file descriptors) or connections were turned away unserved. */
	front_port_error: { code: string; count: number };
	/** A relayed request ended without a reply of its worker. */
	relay_error: { x_request_id: string; worker: number; code: string };
	cluster_degraded: { ready: number; total: number };
	/** One of the checks of /health; `msg` says what it means and what to do. */
	check_changed: { check: string; from: string; to: string };
	worker_drain: { worker: number; drain: boolean };
	reload_started: { workers: number };
	reload_done: { replaced: number; workers: number; failed_worker: number | null; elapsed_ms: number };
	reload_refused: { reason: string };
	/** `changed`: keys of the config file. */
	reloaded: { changed: string[] };
	restart_needed: { settings: string[] };
	/** `failures` exchanges with the engine failed in a row: chats are refused until `retry_after_ms` is over. */
	breaker_opened: { url: string; failures: number; retry_after_ms: number };
	breaker_closed: { url: string };
	start_failed: { failed_role: string };
	/** What a child printed past the log: a warning of its runtime, a hook's own prints. */
	child_output: { child_role: string; child_pid: number; stream: "stdout" | "stderr"; text: string };
	/** So many records are missing before this one: nobody took the log. `since_ms`: since the first of them. */
	log_dropped: { records: number; since_ms: number };
	draining: { signal: string; timeout_ms: number };
	/** `killed`: children that had to be killed because their drain time was over. */
	shutdown: { exit_code: number; reason: string; elapsed_ms: number; killed: number };
	insecure_listen: { host: string };
	partition_refused: { partition: number; reason: string };
	/** `session_id` null: the damaged file does not say whose it is. */
	session_damaged: { session_id: string | null; file: string; reason: string };
	session_rolled_back: { session_id: string; lost_bytes: number };
	misrouted: { session_id: string; owner: number };
}

export type EventName = keyof EventFields;

export type EventLevel = "debug" | "info" | "warn" | "error";

/** The level each event is logged at. */
export const EVENT_LEVELS: Readonly<Record<EventName, EventLevel>> = {
	cluster_starting: "info",
	cluster_ready: "info",
	sim_engine: "warn",
	heartbeat: "info",
	heartbeat_missed: "warn",
	chat_start: "info",
	chat_done: "info",
	proxy_transport_error: "warn",
	upstream_unreachable: "warn",
	engine_check: "info",
	engine_release: "info",
	template_differs: "warn",
	tokenizer_slow: "warn",
	rollback: "info",
	history_refused: "warn",
	branch: "info",
	tools_changed: "warn",
	control_text: "warn",
	hard_mismatch: "warn",
	mismatch_report_failed: "error",
	session_refused: "warn",
	session_created: "info",
	session_deleted: "info",
	session_reaped: "info",
	session_not_dumped: "error",
	session_extended: "info",
	chats_cancelled: "info",
	resource_failed: "warn",
	sandbox_unisolated: "warn",
	sandbox_created: "info",
	sandbox_ended: "info",
	sandbox_reaped: "info",
	sandbox_reap_failed: "error",
	sandbox_record_failed: "error",
	sandbox_records_foreign: "warn",
	sandbox_end_unheard: "warn",
	exec_done: "info",
	reaper_sweep: "debug",
	request_error: "error",
	worker_spawn: "info",
	worker_ready: "info",
	worker_exit: "error",
	worker_quarantined: "error",
	worker_unresponsive: "error",
	router_spawn: "info",
	router_ready: "info",
	router_exit: "error",
	router_unresponsive: "error",
	sim_spawn: "info",
	sim_ready: "info",
	sim_exit: "error",
	sim_unresponsive: "error",
	sandbox_process_spawn: "info",
	sandbox_process_ready: "info",
	sandbox_process_exit: "error",
	sandbox_process_unresponsive: "error",
	front_port_error: "error",
	relay_error: "warn",
	cluster_degraded: "error",
	check_changed: "warn",
	worker_drain: "info",
	reload_started: "info",
	reload_done: "info",
	reload_refused: "warn",
	reloaded: "info",
	restart_needed: "warn",
	breaker_opened: "warn",
	breaker_closed: "info",
	start_failed: "error",
	child_output: "warn",
	log_dropped: "warn",
	draining: "info",
	shutdown: "info",
	insecure_listen: "warn",
	partition_refused: "error",
	session_damaged: "error",
	session_rolled_back: "error",
	misrouted: "error",
};
