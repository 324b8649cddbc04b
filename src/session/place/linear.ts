// Linear mode: a request extends the head's path or tries its newest turn again; what would change more is refused.
import { RollpinError } from "../../base/errors.js";
import type { Session } from "../life/session.js";
import { PathState } from "../path/path-state.js";
import type { RequestMessages } from "../path/request-messages.js";
import {
	type AttachDeps,
	type Attachment,
	checkAppended,
	departurePointOf,
	headerOf,
	type PositionPolicy,
} from "./attach.js";
import {
	answersFrom,
	type Departure,
	departureAt,
	departureText,
	matchHistory,
	systemDeparture,
} from "./history.js";
import {
	type Comparison,
	type LinearPosition,
	type OnAlteredAnswer,
	positionLinear,
	rollbackLimitMessage,
} from "./position.js";

export const linearPolicy: PositionPolicy = { exclusive: true, attach: attachLinear };

async function attachLinear(
	session: Session,
	messages: RequestMessages,
	deps: AttachDeps,
): Promise<Attachment> {
	const { matcher, onAlteredAnswer } = deps;
	const head = await session.headState();
	const matched = matchHistory(head, messages, matcher);
	const compared: Comparison = {
		matched,
		storedCount: head.messages.length,
		requestCount: messages.count,
		checkpoints: head.checkpoints,
		answersFollow: matched < head.messages.length && answersFrom(messages, matched),
		sameSystem: () => systemDeparture(head.messages, messages, matcher) === null,
	};
	const position = positionLinear(compared, onAlteredAnswer);
	const at = () => departureAt(head.messages[matched], messages, matched, matcher);
	if (position.kind === "refuse") {
		const from =
			position.why === "other" ? (systemDeparture(head.messages, messages, matcher) ?? at()) : at();
		throw refusal(position, compared, from, onAlteredAnswer);
	}
	const headers = await session.headers();
	const discarded = position.discard.map((turn) => headerOf(headers, turn));
	const rollback = position.retry === null ? null : { kind: position.retry, ...departurePointOf(at()) };
	if (position.kind === "fresh") {
		const state = discarded.length === 0 ? head : new PathState();
		return { state, parent: null, appendedFrom: 0, discarded, rollback, branch: null };
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
	return { state, parent, appendedFrom: position.matched, discarded, rollback, branch: null };
}

const REMEDY: Record<"edit" | "other", string> = {
	edit:
		'an answer that stands would be lost, so nothing was changed; send messages back as they came, use --mode tree (or {"mode": "tree"} in POST /sessions) for ' +
		"agents that edit their history, or --on-altered-answer replace",
	other:
		"another system message is another conversation, so nothing was changed; give it a session of its own, or use --mode tree",
};

function refusal(
	{ discardCount, why }: Extract<LinearPosition, { kind: "refuse" }>,
	{ requestCount, storedCount }: Comparison,
	from: Departure,
	onAltered: OnAlteredAnswer,
): RollpinError {
	const { index, path } = from;
	const difference = departureText(from);
	const limit = rollbackLimitMessage(discardCount, storedCount, requestCount);
	const details = { index, path, difference };
	if (why === "too_far") return new RollpinError("rollback_limit", limit, { param: path, details });
	const explained = `${difference}: ${REMEDY[why]}`;
	// Clients of the reference server look for its text wherever several turns are at stake.
	const text = discardCount < 2 ? explained : onAltered === "replace" ? limit : `${limit}; ${explained}`;
	return new RollpinError("history_mismatch", text, { param: path, details });
}
