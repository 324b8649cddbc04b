// Every message between the primary and its children. docs/internals.md carries the same table.
import type { FailureCode } from "../base/exit-codes.js";
import type { ClusterConfig, ReloadableConfig } from "../config/cluster-config.js";
import type { Heartbeat } from "../telemetry/heartbeat.js";
import type { WorkerFigures } from "../telemetry/heartbeat-fields.js";
import type { Checks } from "./checks.js";
import type { WorkerAddress } from "./worker-address.js";

export type ChildRole = "router" | "worker" | "sim" | "sandbox";

export interface WorkerStatus {
	index: number;
	state: "starting" | "ready" | "draining" | "down" | "quarantined";
	pid: number | null;
	/** Increases with every respawn of the slot. */
	epoch: number;
	/** Its first process, or a planned successor, is on its way: requests for it wait instead of failing. */
	awaited: boolean;
	/** By an operator's wish it gets no new sessions; those that it has go on. */
	drain: boolean;
	/** Where the router relays to; null unless it takes requests. */
	address: WorkerAddress | null;
	/** The last heartbeat as it was logged, or null. */
	heartbeat: Heartbeat | null;
}

export interface SandboxStatus {
	state: WorkerStatus["state"];
	pid: number | null;
	epoch: number;
	/** Where the router relays to; null unless it takes requests. */
	address: WorkerAddress | null;
}

/** What a worker knows of what it depends on. */
export interface WorkerCondition {
	engines: Array<{
		/** As `publicUrl` has it. */
		url: string;
		/** Of the last minute: whole answers, failed exchanges among them, and those of them that failed. */
		answers: number;
		failures: number;
		/** Its breaker is open, or just tries the engine again. */
		unreachable: boolean;
		/** A chat would be refused now without asking it. */
		refusing: boolean;
		/** Why no chat may go there, by its own words about itself; null when one may, or nobody knows. */
		unfit: string | null;
	}>;
	partitionsRefused: number;
	/** False after a commit that the medium refused. */
	storeWritable: boolean;
	/** Such commits, so that another one is told too. */
	storeRefusals: number;
	/** Log records that it had to drop. */
	logDropped: number;
}

export type EngineCheckResult = "ok" | "differs" | "skipped";

export type ClusterPhase = "starting" | "ok" | "degraded" | "draining";

export interface ClusterSnapshot {
	phase: ClusterPhase;
	/** Rollpin's own. */
	version: string;
	instanceId: string;
	/** Float Unix seconds. */
	startedAt: number;
	url: string | null;
	upstream: string | null;
	/** Null while no worker has compared it, or none is to. */
	engineCheck: EngineCheckResult | null;
	checks: Checks;
	/** Why a new session's chat would be refused now, in words. Empty: it would be served. */
	notReady: string[];
	workers: WorkerStatus[];
	/** The process that makes sandboxes; null where there is none. */
	sandbox: SandboxStatus | null;
}

/** child -> primary */
export type FromChild =
	/** The child listens for messages; the primary answers with `start`. */
	| { type: "hello"; role: ChildRole }
	/** It can do its work now. Workers and the sandbox process give their address, the simulated engine its URL. */
	| { type: "ready"; address?: WorkerAddress; url?: string; controlUrl?: string }
	/** It cannot start; `message` is one line for the operator. The child exits right after. */
	| { type: "failed"; message: string; exitCode: FailureCode }
	| { type: "stats"; stats: WorkerFigures }
	/** When it is another one than before; once a second at most, and at once when an engine becomes unreachable or is back, or the medium refuses a commit. */
	| { type: "condition"; condition: WorkerCondition }
	/** When it is another one than before: what is wrong with the sandboxes, in one line, or null. */
	| { type: "sandbox_condition"; trouble: string | null }
	/** Worker 0 compared the engine's rendering with ours. */
	| { type: "engine_checked"; result: EngineCheckResult }
	| { type: "pong"; seq: number }
	/** Its metrics, as text; the answer to `ask_metrics`. */
	| { type: "metrics"; seq: number; text: string }
	/** The router has a scrape to answer. */
	| { type: "gather_metrics"; seq: number }
	/** The router holds that connection now (or saw that it was gone): the primary lets go of its own handle. */
	| { type: "connection_received"; seq: number }
	/** The router has no request on that draining worker's process, and none will follow: it may end. */
	| { type: "worker_idle"; worker: number; epoch: number }
	/** An operator asked the router for it; answered with `worker_drain_set`. */
	| { type: "set_worker_drain"; seq: number; worker: number; drain: boolean }
	/** The child itself was told to end (SIGTERM): replace it; `drain` follows once the router has nothing on it. */
	| { type: "draining" }
	/** Nothing is running any more; the child exits by itself now. */
	| { type: "drained" };

/** primary -> child */
export type ToChild =
	/** `epoch` counts this slot's processes; `storeEpoch` fences the data dir and grows over restarts too. */
	| {
			type: "start_worker";
			index: number;
			epoch: number;
			storeEpoch: number;
			/** It listens there. */
			address: WorkerAddress;
			/** Where the sandbox process listens, all of them in turn; null where there is none. */
			sandbox: WorkerAddress | null;
			config: ClusterConfig;
	  }
	/** `socketPath`: the router listens there too, so that its HTTP server is a listening one; clients come by handle. */
	| { type: "start_router"; socketPath: string; config: ClusterConfig; snapshot: ClusterSnapshot }
	| { type: "start_sim"; config: ClusterConfig }
	/** It listens at `address`. */
	| {
			type: "start_sandbox";
			epoch: number;
			address: WorkerAddress;
			config: ClusterConfig;
			snapshot: ClusterSnapshot;
	  }
	/** A TCP connection accepted by the primary travels beside this message as its handle (router only). */
	| { type: "connection"; seq: number }
	/** What the router answers /health and /cluster from, and routes by; where the sandbox process finds a session's worker. */
	| { type: "snapshot"; snapshot: ClusterSnapshot }
	/** That request of the router's is done: the snapshot before this message says so. */
	| { type: "worker_drain_set"; seq: number }
	/** The settings that may change have changed. One that comes before the start says nothing that the start will not. */
	| { type: "reconfigure"; config: ReloadableConfig }
	| { type: "ask_stats" }
	| { type: "ask_metrics"; seq: number }
	/** The texts of the primary and of every worker that answered in time; the answer to `gather_metrics` (router only). */
	| { type: "gathered_metrics"; seq: number; texts: string[] }
	| { type: "ping"; seq: number }
	/** Accept nothing new, let running requests end for at most `timeoutMs`, then say `drained` and exit. */
	| { type: "drain"; timeoutMs: number };
