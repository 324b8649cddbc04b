// What a cluster says of itself at GET /cluster and GET /health, as far as commands look at it. Types only.

export interface ClusterStatus {
	status: string;
	/** Float Unix seconds. */
	started_at: number;
	url: string | null;
	upstream: string | null;
	workers: WorkerStatus[];
	/** Of each check what it means and what to do; null when there is nothing to do. */
	checks?: Readonly<Record<string, { detail: string | null } | undefined>>;
	/** Why a new session's chat would be refused now. */
	not_ready?: readonly string[];
}

export interface WorkerStatus {
	worker: number;
	state: string;
	pid: number | null;
	epoch: number;
	awaited: boolean;
	/** It gets no new sessions, by an operator's wish. */
	drain: boolean;
	/** Figures of the last heartbeat; null before the first. */
	heartbeat: Readonly<Record<string, number>> | null;
}

export interface ClusterHealth {
	status: string;
	version?: string;
	/** By name: `ok`, or what is wrong. */
	checks?: Readonly<Record<string, unknown>>;
}
