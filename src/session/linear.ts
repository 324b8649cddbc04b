// Linear mode: a request extends the head's path or retries from at most one generated turn back.
import { RollpinError } from "../base/errors.js";
import { type AttachDeps, type Attachment, checkAppended, headerOf, type PositionPolicy } from "./attach.js";
import { describeMismatch, matchHistory } from "./history.js";
import { PathState } from "./path-state.js";
import { positionLinear, rollbackLimitMessage } from "./position.js";
import type { RequestMessages } from "./request-messages.js";
import type { Session } from "./session.js";

export const linearPolicy: PositionPolicy = { exclusive: true, attach: attachLinear };

async function attachLinear(
	session: Session,
	messages: RequestMessages,
	deps: AttachDeps,
): Promise<Attachment> {
	const head = await session.headState();
	const matched = matchHistory(head, messages, deps.matcher);
	const position = positionLinear(matched, head.messages.length, head.checkpoints);
	if (position.kind === "refuse") {
		const { index, difference } = describeMismatch(head, messages, matched);
		throw new RollpinError(
			matched >= messages.count ? "rollback_limit" : "history_mismatch",
			rollbackLimitMessage(position.discardCount, head.messages.length, messages.count),
			{ param: `messages[${index}]`, details: { index, difference } },
		);
	}
	const headers = await session.headers();
	const discarded = position.discard.map((turn) => headerOf(headers, turn));
	const altered = alteredAnswer(head, messages, matched);
	if (position.kind === "fresh") {
		const state = discarded.length === 0 ? head : new PathState();
		return { state, parent: null, appendedFrom: 0, discarded, altered };
	}
	checkAppended(messages, position.matched, deps.tito);
	const parent = headerOf(headers, position.from);
	const depth = head.checkpoints.length - discarded.length;
	if (depth >= deps.maxTurns) {
		throw new RollpinError(
			"session_too_large",
			`session ${session.meta.id} has ${depth} turns, its limit; start another session or raise --max-turns`,
		);
	}
	// A rollback works on a state of its own: when this attempt fails, the session's is as it was.
	const state = discarded.length === 0 ? head : await session.stateAt(position.from);
	return { state, parent, appendedFrom: position.matched, discarded, altered };
}

/**
 * How the newest answer was altered, when that is where the request departs. Such a request is a retry by the rule of
 * reference section 8.1; but most often it is an agent that drops a field of the answer (`reasoning_content`) and would
 * lose every turn but its last without ever being told.
 */
function alteredAnswer(
	head: PathState,
	messages: RequestMessages,
	matched: number,
): { index: number; difference: string } | null {
	if (matched !== head.messages.length - 1 || matched >= messages.count) return null;
	return messages.value(matched).get("role") === "assistant"
		? describeMismatch(head, messages, matched)
		: null;
}
