// The mismatch report of one path: its stored ids against a canonical render. Computed on reads only, never for a chat.
import { RollpinError } from "../base/errors.js";
import type { TurnId } from "../base/ids.js";
import { parseJson } from "../json/parse.js";
import { type PathState, storedValue } from "../session/path-state.js";
import type { Session } from "../session/session.js";
import type { Store } from "../store/store.js";
import { TurnGone } from "../store/store-errors.js";
import { findMismatches, type Mismatch } from "../tito/mismatch.js";
import type { PromptInput, Tito } from "../tito/tito.js";
import type { WorkerCounters } from "./context.js";

export interface MismatchContext {
	store: Store;
	tito: Tito;
	counters: Pick<WorkerCounters, "hardMismatches">;
}

/**
 * Members for a `metadata` object, JSON text of an object: `tito_session_mismatch`, or `tito_mismatch_error` when
 * the comparison cannot be made; neither without a turn. Throws TurnGone when the path is no longer stored.
 */
export async function mismatchJson(
	context: MismatchContext,
	session: Session,
	turn: TurnId | null,
): Promise<string> {
	if (turn === null) return "{}";
	try {
		const state = await session.stateAt(turn);
		const request = parseJson(await context.store.part(session.meta.id, turn, "request"), { maxDepth: 1024 });
		const tools = request instanceof Map ? request.get("tools") : undefined;
		const found = await compare(context.tito, state, Array.isArray(tools) ? tools : undefined);
		if (found.some(({ type }) => type !== "assistant_text")) context.counters.hardMismatches++;
		return JSON.stringify({ tito_session_mismatch: found });
	} catch (error) {
		if (error instanceof TurnGone) throw error;
		// A read is worth more than its report: the trainer takes a missing report for a failure anyway.
		const reason = error instanceof RollpinError ? error.message : "internal error during the comparison";
		return JSON.stringify({ tito_mismatch_error: reason });
	}
}

async function compare(tito: Tito, state: PathState, tools: PromptInput["tools"]): Promise<Mismatch[]> {
	const expected = await tito.encodeConversation({
		messages: state.messages.map(storedValue),
		tools,
		// The launch's, not the request's: the reference compares with what every turn shares.
		kwargs: tito.effectiveKwargs(undefined),
	});
	return findMismatches(expected, state.tokens.ids(), tito.segmentation, (lists) => tito.decodeMany(lists));
}
