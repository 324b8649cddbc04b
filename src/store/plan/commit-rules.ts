// What every store demands of a commit, whatever its medium. Pure; touches no medium.
import { RollpinError } from "../../base/errors.js";
import type { SessionId } from "../../base/ids.js";
import type { StoreOp } from "../store.js";

/** A shorter common prefix is not worth what it takes to put a part together again. */
export const MIN_SHARED_BYTES = 4096;

/** Why a turn whose beginning is another turn's is not appended. */
export const BASE_GONE = "the turn it begins with is gone";

/** Why a turn that lends bytes is not dropped. */
export const LENT = "another turn begins with its bytes";

/** Why an obligation is not put. */
export const OWED_ALREADY = "it owes one of this resource already";

/** The session an op is about. */
function sessionOf(op: StoreOp): SessionId {
	switch (op.op) {
		case "put_session":
			return op.meta.id;
		case "bury":
			return op.tombstone.id;
		default:
			return op.session;
	}
}

/**
 * The one session that a commit is about; undefined for a commit without ops.
 * @throws RollpinError `internal` when the ops name two sessions, which no store could commit atomically
 */
export function checkCommit(ops: readonly StoreOp[]): SessionId | undefined {
	const first = ops[0];
	if (first === undefined) return undefined;
	const id = sessionOf(first);
	const other = ops.find((op) => sessionOf(op) !== id);
	if (other !== undefined) {
		throw new RollpinError(
			"internal",
			`a commit names two sessions, ${id} and ${sessionOf(other)}: a commit is about one session; make two commits`,
		);
	}
	return id;
}

/** The refusal of an op that doesn't fit what is stored; nothing of its commit is kept. */
export function staleCommit(op: StoreOp, why: string): RollpinError {
	const turn = op.op === "append_turn" || op.op === "put_header" ? op.header.id : undefined;
	const dropped = op.op === "drop_turn" || op.op === "drop_part" ? op.turn : turn;
	const what = dropped === undefined ? "" : ` of turn ${dropped}`;
	return new RollpinError(
		"session_state_conflict",
		`${op.op}${what} refused for session ${sessionOf(op)}: ${why}; nothing was changed`,
	);
}
