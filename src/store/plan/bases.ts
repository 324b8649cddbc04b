// Which parts of a commit are compared with the part that they are likely to begin as. Pure; compares nothing itself.
import type { TurnId } from "../../base/ids.js";
import type { PartBase, PartName, StoreOp } from "../store.js";
import { MIN_SHARED_BYTES } from "./commit-rules.js";
import { byteLength } from "./pieces.js";

/** A part with a base that is stored as it was when the commit began. */
export interface PartToCompare {
	/** Of the turn that is appended. */
	turn: TurnId;
	part: PartName;
	pieces: readonly Uint8Array[];
	base: PartBase;
}

export function* partsToCompare(ops: readonly StoreOp[]): Generator<PartToCompare, void, void> {
	const changed = new Set<TurnId>();
	for (const op of ops) {
		// What is stored is not what the turns after it in this commit would begin with.
		if (op.op === "bury") return;
		if (op.op === "drop_turn") changed.add(op.turn);
		if (op.op !== "append_turn") continue;
		for (const [part, base] of op.bases ?? []) {
			const pieces = op.parts.get(part) ?? [];
			if (changed.has(base.turn) || byteLength(pieces) < MIN_SHARED_BYTES) continue;
			yield { turn: op.header.id, part, pieces, base };
		}
	}
}
