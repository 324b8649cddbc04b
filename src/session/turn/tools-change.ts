// Whether a recorded turn's tools are others than those of the turn it continues. A pure decision.
import type { TurnId } from "../../base/ids.js";
import type { TurnHeader } from "../../store/store.js";

export interface ToolsChange {
	turn: TurnId;
	change: "added" | "removed" | "replaced";
}

type WithTools = Pick<TurnHeader, "id" | "status" | "toolsHash">;

/**
 * Null when there is nothing new to say: a first turn, an answer that is no turn of the path, tools that are the same
 * or not known, and a retry whose discarded turn had the same change.
 */
export function toolsChange(
	turn: WithTools,
	parent: WithTools | null,
	discarded: readonly WithTools[],
): ToolsChange | null {
	if (parent === null || turn.status !== "committed") return null;
	const before = parent.toolsHash;
	const after = turn.toolsHash;
	if (before === undefined || after === undefined || before === after) return null;
	if (discarded.some(({ toolsHash }) => toolsHash === after)) return null;
	return { turn: turn.id, change: before === null ? "added" : after === null ? "removed" : "replaced" };
}
