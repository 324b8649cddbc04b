// Where a request attaches in linear mode: it goes on, tries the newest turn again, or is refused. A pure decision.
import type { TurnId } from "../../base/ids.js";
import type { Checkpoint } from "../path/path-state.js";

/** What a request is compared with, message by message. */
export interface Comparison {
	/** Length of the longest common prefix of stored and requested messages. */
	matched: number;
	/** Stored messages, generated ones included. */
	storedCount: number;
	requestCount: number;
	checkpoints: readonly Checkpoint[];
	/** Whether a message of the request from `matched` on is an assistant's. */
	answersFollow: boolean;
	/** Whether its system and developer messages are the stored first prompt's; asked only of a first turn. */
	sameSystem: () => boolean;
}

/** What becomes of a request that carries another answer than the stored one. */
export type OnAlteredAnswer = "refuse" | "replace";

/** Why the newest turn is thrown away. `replaced`: an answer came back altered, and `--on-altered-answer replace`. */
export type RetryKind = "retry" | "reworded" | "replaced";

export type LinearPosition =
	/** Render the whole request: nothing is stored, or the retry goes back to the very beginning. */
	| { kind: "fresh"; discard: readonly TurnId[]; retry: RetryKind | null }
	/** Append after `from`; `matched` messages of the request are stored ones. */
	| { kind: "append"; from: TurnId; matched: number; discard: readonly TurnId[]; retry: RetryKind | null }
	/** `edit`: it changes what was said before; `other`: another conversation; `too_far`: it goes back over several turns. */
	| { kind: "refuse"; why: "edit" | "other" | "too_far"; discardCount: number };

/** Generated turns a retry may throw away (the reference server's limit). */
const MAX_ROLLBACK_TURNS = 1;

/**
 * A retry does not carry the newest answer: what follows the common prefix holds no assistant message. One that does is
 * an edit, wherever it departs: some answer that stands would be replaced by one that the model never gave.
 * @param onAltered `replace`: as the reference server, which takes an edit of the newest answer for a retry of its turn
 */
export function positionLinear(compared: Comparison, onAltered: OnAlteredAnswer): LinearPosition {
	const { answersFollow, checkpoints, matched, requestCount, storedCount } = compared;
	const head = checkpoints.at(-1);
	if (head === undefined) return { kind: "fresh", discard: [], retry: null };
	if (matched === storedCount) return { kind: "append", from: head.turn, matched, discard: [], retry: null };
	const kept = checkpoints.filter((checkpoint) => checkpoint.messageEnd <= matched);
	const discard = checkpoints.slice(kept.length).map((checkpoint) => checkpoint.turn);
	const refuse = (why: "edit" | "other" | "too_far"): LinearPosition => ({
		kind: "refuse",
		why,
		discardCount: discard.length,
	});
	const tooFar = discard.length > MAX_ROLLBACK_TURNS;
	if (onAltered === "refuse" && answersFollow) return refuse("edit");
	if (tooFar) return refuse(answersFollow ? "edit" : "too_far");
	const target = kept.at(-1);
	if (onAltered === "refuse" && target === undefined && !compared.sameSystem()) return refuse("other");
	const whole = matched === storedCount - 1 && requestCount === matched;
	const retry = answersFollow ? "replaced" : whole ? "retry" : "reworded";
	if (target === undefined) return { kind: "fresh", discard, retry };
	return { kind: "append", from: target.turn, matched: target.messageEnd, discard, retry };
}

/** The text that clients of the reference server key on, byte for byte. */
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
