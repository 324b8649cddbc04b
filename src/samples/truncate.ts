// Cuts a path to a trainer's max_seq_len, turn by turn, before anything is merged. Pure.
import type { AlignedTurn } from "./align.js";
import type { SampleStatus } from "./sample.js";

export interface KeptTurn extends AlignedTurn {
	status: SampleStatus;
}

/** From the engine's finish_reason (docs/samples.md). */
function statusOf(finishReason: string | null): SampleStatus {
	if (finishReason === "stop" || finishReason === "tool_calls") return "completed";
	if (finishReason === "length") return "truncated";
	return finishReason === "abort" ? "aborted" : "pending";
}

/**
 * The turns that fit: the first one over the limit loses its overshoot and is the last; it goes altogether when
 * nothing of its output would stay.
 * @param maxLength tokens; null for no limit
 */
export function truncateTurns(turns: readonly AlignedTurn[], maxLength: number | null): KeptTurn[] {
	const kept: KeptTurn[] = [];
	for (const turn of turns) {
		const room = maxLength === null ? turn.outLength : maxLength - turn.promptLength;
		if (turn.outLength <= room) {
			kept.push({ ...turn, status: statusOf(turn.source.finishReason) });
			continue;
		}
		if (room > 0) kept.push({ ...turn, outLength: room, status: "truncated" });
		break;
	}
	return kept;
}
