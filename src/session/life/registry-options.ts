// What a registry is told: its limits, who listens to it, and what hangs on the life of its sessions. Types only.
import type { SessionId } from "../../base/ids.js";
import type { SessionMeta } from "../../store/store.js";
import type { ReaperEvents } from "./reaper.js";
import type { ResourceFailure, SessionResource } from "./resource.js";
import type { BeforeExpiry } from "./teardown.js";

/** Looked at whenever one of them is needed: a reload changes some. */
export interface RegistryOptions {
	sessionTtlS: number;
	maxSessionTtlS: number;
	/** 0: off. */
	idleTtlS: number;
	maxSessions: number;
	maxQueuePerSession: number;
	/** Bytes of rebuildable state kept for sessions that nothing runs in. */
	hotBytesBudget: number;
}

export interface RegistryEvents extends ReaperEvents {
	created(meta: SessionMeta): void;
	/** A resource that could not be closed, or reconciled; it is tried again. */
	resourceFailed(failure: ResourceFailure): void;
}

/** What hangs on the sessions' life. */
export interface RegistryHooks {
	beforeExpiry?: BeforeExpiry;
	resources?: readonly SessionResource[];
	/** Whether an id is this worker's; by default every one is. */
	owns?: (id: SessionId) => boolean;
}
