// What every route of a worker works with. Made once by the entry; holds no decisions.
import type { Clock } from "../base/clock.js";
import type { WorkerIndex } from "../base/ids.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { ReadContext } from "../reads/read-context.js";
import type { SampleAssembler } from "../samples/assembler.js";
import type { SessionRegistry } from "../session/life/registry.js";
import type { PositionPolicy } from "../session/place/attach.js";
import type { MessageMatcher } from "../session/place/matcher.js";
import type { SessionMeta, Store } from "../store/store.js";
import type { Logger } from "../telemetry/logger.js";
import type { Tito } from "../tito/tito.js";
import type { Admission } from "./admission.js";
import type { EngineDirectory } from "./engines.js";

export interface WorkerContext {
	index: WorkerIndex;
	config: ClusterConfig;
	registry: SessionRegistry;
	store: Store;
	tito: Tito;
	engines: EngineDirectory;
	/** How one session's requests are placed: by its own mode and matcher, else the launch's. */
	placing(meta: SessionMeta): { policy: PositionPolicy; matcher: MessageMatcher };
	admission: Admission;
	/** Makes samples off the event loop. */
	assembler: SampleAssembler;
	/** For every read of a stored session. */
	reads: ReadContext;
	counters: WorkerCounters;
	logger: Logger;
	clock: Clock;
}

/** Counted since the worker started. */
export interface WorkerCounters {
	requests: number;
	turnsCompleted: number;
	/** Mismatch reports (one a read) with more than an assistant's own text in them. */
	hardMismatches: number;
	/** Turns that a retry took the place of; requests refused as neither history nor retry; turns that left a path. */
	rollbacks: number;
	historyRefused: number;
	branches: number;
}

export function emptyCounters(): WorkerCounters {
	return { requests: 0, turnsCompleted: 0, hardMismatches: 0, rollbacks: 0, historyRefused: 0, branches: 0 };
}
