// What the logs say of a chat, whatever its end: filled as the chat goes, so that a failed one has its figures too.
import type { TurnId } from "../../base/ids.js";
import type { HistoryEvent } from "../path/session-history.js";
import type { Branch } from "../place/attach.js";
import type { RetryKind } from "../place/position.js";
import type { ToolsChange } from "./tools-change.js";

/** Milliseconds spent in each phase. */
export interface TurnTimings {
	lockWaitMs: number;
	tokenizeInMs: number;
	proxyElapsedMs: number;
	tokenizeOutMs: number;
	commitMs: number;
}

export interface TurnReport {
	timings: TurnTimings;
	promptTokens: number;
	reusedTokens: number;
	completionTokens: number;
	rollback: RollbackReport | null;
	/** Where the recorded turn leaves an existing path; null when it continues one. */
	branch: (Branch & { turn: TurnId }) | null;
	/** Set when the request is neither the stored history nor a retry: the error's code, the newest turn, the place. */
	refused: Omit<HistoryEvent, "at"> | null;
	/** How the recorded turn's tools differ from those of the turn it continues; null when they don't. */
	toolsChange: ToolsChange | null;
	/** The session's first message that spells a control token. */
	controlText: { index: number; token: string } | null;
	/** Set once the store has the turn. */
	committed: CommittedFacts | null;
}

/** What is counted of a turn that the store has. */
export interface CommittedFacts {
	/** The engine aborted it: it is provisional. */
	aborted: boolean;
	stopJoin: boolean;
	/** Of all its replay payloads as they came, and without what is known to be the turn's before. */
	payloadBytes: number;
	payloadBytesStored: number;
}

/** A turn that this one replaced. */
export interface RollbackReport {
	discarded: TurnId;
	head: TurnId | null;
	kind: RetryKind;
	/** Where the request departs from the discarded turn. */
	index: number;
	path: string;
}

export function emptyReport(): TurnReport {
	return {
		timings: { lockWaitMs: 0, tokenizeInMs: 0, proxyElapsedMs: 0, tokenizeOutMs: 0, commitMs: 0 },
		promptTokens: 0,
		reusedTokens: 0,
		completionTokens: 0,
		rollback: null,
		branch: null,
		refused: null,
		toolsChange: null,
		controlText: null,
		committed: null,
	};
}
