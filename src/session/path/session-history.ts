// What became of a session's history beside its turns: rollbacks, refusals, branches, and the last of them. Pure.
import type { TurnId } from "../../base/ids.js";

/** `at`: float Unix seconds; `turn`: the turn that the request departed from; `path`: JSON path in the request. */
export interface HistoryEvent {
	/** Of a rollback or branch its kind, of a refusal its error code. */
	kind: string;
	at: number;
	turn: TurnId | null;
	path: string;
}

/** `metadata.history` of a read. */
export interface SessionHistory {
	/** Turns that a retry took the place of. */
	rollbacks: number;
	/** Requests refused because they were neither the stored history nor a retry. */
	refused: number;
	/** Tree mode: turns that left a path that was there. */
	branches: number;
	last: HistoryEvent | null;
}

export const EMPTY_HISTORY: SessionHistory = { rollbacks: 0, refused: 0, branches: 0, last: null };

export function withEvent(
	history: SessionHistory,
	counter: "rollbacks" | "refused" | "branches",
	last: HistoryEvent,
): SessionHistory {
	return { ...history, [counter]: history[counter] + 1, last };
}
