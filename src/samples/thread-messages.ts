// What the event loop and the assembly thread say to each other. Types only.
import type { ContainerPiece } from "./deferred-payloads.js";
import type { SampleJob, StoredTurn } from "./job.js";

/** `workerData` of the thread. */
export interface ThreadSettings {
	picker: string | null;
	postprocessor: string | null;
}

export type ToThread =
	/** Of a job that is to come, in order. */
	| { type: "turns"; job: number; turns: StoredTurn[] }
	/** With the turns that were sent before. */
	| { type: "assemble"; job: number; input: Omit<SampleJob, "turns"> }
	/** Answers `ask_decode`. */
	| { type: "texts"; ask: number; texts: string[] }
	/** Answers `ask_payload`, in order; the last one has an empty piece. */
	| { type: "payload"; ask: number; piece: Uint8Array }
	/** Answers either when it cannot be done. */
	| { type: "unanswered"; ask: number };

export type FromThread =
	| { type: "ready" }
	/** The hooks cannot be loaded: a ConfigError's text. */
	| { type: "unusable"; reason: string }
	| { type: "ask_decode"; job: number; ask: number; lists: Int32Array[] }
	| { type: "ask_payload"; job: number; ask: number; turn: number; index: number }
	/** Ends a job. */
	| { type: "done"; job: number; pieces: ContainerPiece[] }
	| { type: "refused"; job: number; reason: string }
	| { type: "failed"; job: number; error: unknown };
