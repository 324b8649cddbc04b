// What a cluster says of itself at GET /cluster, as far as commands look at it. Types only.
import type { FieldName } from "../telemetry/heartbeat-fields.js";

export interface ClusterStatus {
	status: string;
	/** Float Unix seconds. */
	started_at: number;
	url: string | null;
	upstream: string | null;
	workers: WorkerStatus[];
}

export interface WorkerStatus {
	worker: number;
	state: string;
	pid: number | null;
	epoch: number;
	replacing: boolean;
	/** It gets no new sessions, by an operator's wish. */
	drain: boolean;
	/** Figures of the last heartbeat; null before the first. */
	heartbeat: Figures | null;
}

export type Figures = Readonly<Partial<Record<FieldName, number>>>;
