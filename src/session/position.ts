// Where a request attaches in linear mode. A pure decision; the effects wait for the successor's commit.
import type { TurnId } from "../base/ids.js";

/** A generated turn on the active path, oldest first. */
export interface Checkpoint {
	turn: TurnId;
	/** Index in the stored messages right behind the generated message. */
	messageEnd: number;
}

export type LinearPosition =
	/** Render the whole request: nothing is stored, or the retry goes back to the very beginning. */
	| { kind: "fresh"; discard: readonly TurnId[] }
	/** Append behind `from`; `matched` messages of the request are stored ones. */
	| { kind: "append"; from: TurnId; matched: number; discard: readonly TurnId[] }
	| { kind: "refuse"; discardCount: number };

/** Generated turns a retry may throw away (reference section 8.1). */
const MAX_ROLLBACK_TURNS = 1;

/**
 * @param matched length of the longest common prefix of stored and requested messages
 * @param storedCount stored messages, generated ones included
 */
export function positionLinear(
	matched: number,
	storedCount: number,
	checkpoints: readonly Checkpoint[],
): LinearPosition {
	const head = checkpoints.at(-1);
	if (head === undefined) return { kind: "fresh", discard: [] };
	if (matched === storedCount) return { kind: "append", from: head.turn, matched, discard: [] };
	const kept = checkpoints.filter((checkpoint) => checkpoint.messageEnd <= matched);
	const discard = checkpoints.slice(kept.length).map((checkpoint) => checkpoint.turn);
	if (discard.length > MAX_ROLLBACK_TURNS) return { kind: "refuse", discardCount: discard.length };
	const target = kept.at(-1);
	if (target === undefined) return { kind: "fresh", discard };
	return { kind: "append", from: target.turn, matched: target.messageEnd, discard };
}

/** The text that clients of the reference server key on, byte for byte (reference section 8.1). */
export function rollbackLimitMessage(
	discardCount: number,
	storedCount: number,
	requestCount: number,
): string {
	return (
		`rollback failed: discard_count=${discardCount} exceeds max_assistant_rollback_steps=${MAX_ROLLBACK_TURNS} ` +
		`(stored has ${storedCount} messages, request has ${requestCount} messages)`
	);
}
