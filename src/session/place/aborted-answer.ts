// A request that goes on from an aborted generation: that answer is no history, and must not become one by its text.
import { RollpinError } from "../../base/errors.js";
import type { Session } from "../life/session.js";
import type { RequestMessages } from "../path/request-messages.js";
import type { Attachment } from "./attach.js";
import { sameMessage } from "./history.js";
import type { MessageMatcher } from "./matcher.js";

/**
 * Clients that do not know the mark of an aborted answer (libraries rewrite `finish_reason`) put it into their history as
 * any other. Rendered as a message of the prompt, its ids would be lost without a word and others stand in their place.
 * @throws RollpinError `history_mismatch` when the request repeats the session's aborted turn and carries its answer
 */
export async function refuseAbortedAnswer(
	session: Session,
	messages: RequestMessages,
	attach: Attachment,
	matcher: MessageMatcher,
): Promise<void> {
	const { provisional } = session.meta;
	if (provisional === null || attach.appendedFrom === messages.count) return;
	const aborted = (await session.headers()).get(provisional);
	if (aborted === undefined || aborted.parent !== (attach.parent?.id ?? null)) return;
	const index = attach.appendedFrom + aborted.appendedCount;
	if (index >= messages.count || messages.value(index).get("role") !== "assistant") return;
	const own = await session.messagesOf(aborted);
	if (!own.every((stored, at) => sameMessage(stored, messages, attach.appendedFrom + at, matcher))) return;
	const param = `messages[${index}]`;
	throw new RollpinError(
		"history_mismatch",
		`${param} is the answer of turn ${aborted.id}, which the engine aborted (x-sglang-aborted): it is no part of the history, ` +
			"so nothing was changed; send the request again without it, or use --on-altered-answer replace to have its text in the prompt",
		{ param, details: { index, path: param } },
	);
}
