// What a read of stored sessions works with, in a worker or in a process that only opens a data dir. Holds no state.
import type { SessionId, TurnId } from "../base/ids.js";
import type { PartitionMap } from "../base/partitions.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import type { Session } from "../session/life/session.js";
import type { ReadableStore } from "../store/store.js";
import type { Mismatch } from "../tito/mismatch.js";
import type { Tito } from "../tito/tito.js";

export interface ReadContext {
	store: ReadableStore;
	/** Of the launch that served the sessions. */
	partitions: PartitionMap;
	tito: Tito;
	/** What decides the answer of a read for sessions that were not created with settings of their own. */
	config: Pick<ClusterConfig, "mode" | "messageMatcher" | "samplePicker" | "r3">;
	/** Layers of the model, for its routing payloads; null when the checkpoint does not say. */
	numLayers: number | null;
	listener: ReadListener;
}

/** What a read finds that its reader may not see: the caller counts it, logs it, or writes it to its terminal. */
export interface ReadListener {
	/** A mismatch report has more in it than an assistant's own text. Once for each read, with all such mismatches. */
	hardMismatch(session: Session, turn: TurnId, found: readonly [Mismatch, ...Mismatch[]]): void;
	/** A mismatch report could not be made, by a fault of this program or its machine. */
	reportFailed(session: SessionId, turn: TurnId, error: unknown): void;
	/** Bytes of a replay payload were read for whoever asked. */
	payloadRead(bytes: number): void;
}
