// What every route of a worker works with. Made once by the entry; holds no decisions.
import type { Clock } from "../base/clock.js";
import type { WorkerIndex } from "../base/ids.js";
import type { PartitionMap } from "../base/partitions.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { ReadContext } from "../reads/read-context.js";
import type { SampleAssembler } from "../samples/assembler.js";
import type { SessionRegistry } from "../session/life/registry.js";
import type { PositionPolicy } from "../session/place/attach.js";
import type { MessageMatcher } from "../session/place/matcher.js";
import type { SessionMeta, Store } from "../store/store.js";
import type { Logger } from "../telemetry/logger.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";
import type { Tito } from "../tito/tito.js";
import type { Admission } from "./admission.js";
import type { EngineDirectory } from "./engines.js";
import type { SandboxResource } from "./sandbox-resource.js";

export interface WorkerContext {
	index: WorkerIndex;
	config: ClusterConfig;
	partitions: PartitionMap;
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
	metrics: Metrics<"worker">;
	logger: Logger;
	clock: Clock;
	/** Null: no session has a sandbox. */
	sandbox: SandboxResource | null;
}
