// The commit of one finished generation: the store has the turn first, then the session. Decides nothing of its place.
import type { Clock } from "../../base/clock.js";
import type { Store, TurnHeader } from "../../store/store.js";
import type { Session } from "../life/session.js";
import type { RequestMessages } from "../path/request-messages.js";
import { EMPTY_HISTORY, withEvent } from "../path/session-history.js";
import type { Attachment } from "../place/attach.js";
import type { GeneratedReply, SentRequest } from "./generation.js";
import type { Fingerprint } from "./idempotency.js";
import { kwargsText } from "./kwargs-pin.js";
import type { Prompt } from "./prompt.js";
import { buildTurn, commitOps, outdatedBy } from "./turn-builder.js";

export interface CommitDeps {
	store: Store;
	clock: Clock;
	/** Whether each record keeps its replay payloads, or only those that may be a path's last (`--r3-keep`). */
	keepPayloads: "all" | "latest";
}

export interface CommittedRequest {
	messages: RequestMessages;
	/** Tells its tools from another request's; null without any. */
	toolsHash: string | null;
	/** Wall clock at arrival, float Unix seconds. */
	arrivedAt: number;
}

/** A generation that came whole, and what it was made from. */
export interface FinishedGeneration {
	attach: Attachment;
	prompt: Prompt;
	generation: GeneratedReply;
	sent: SentRequest;
	identity: Fingerprint | null;
}

/** Writes the turn and lets the session have it. Under the session's write lock, which nobody ends any more (`SessionChat.commits`). */
export async function commitTurn(
	session: Session,
	request: CommittedRequest,
	finished: FinishedGeneration,
	deps: CommitDeps,
): Promise<TurnHeader> {
	const { attach, generation, prompt } = finished;
	const { messages } = request;
	const aborted = generation.finishReason === "abort";
	const history = historyAfter(session, attach, deps.clock.nowS());
	const meta = history === EMPTY_HISTORY ? session.meta : { ...session.meta, history };
	const built = buildTurn({
		meta,
		parent: attach.parent,
		parentRequest: attach.state.request,
		messages,
		appendedFrom: attach.appendedFrom,
		trimCount: prompt.trimCount,
		stopJoin: prompt.stopJoin,
		promptIds: prompt.ids,
		generation,
		sent: finished.sent,
		status: aborted ? "provisional" : "committed",
		timestamp: deps.clock.nowS(),
		requestTimestamp: request.arrivedAt,
		idempotency: aborted ? null : finished.identity,
		routedExpertsStartLen: finished.sent.routedExpertsStartLen,
		toolsHash: request.toolsHash,
		templateKwargs: kwargsText(prompt.engine.kwargs),
	});
	const depth = attach.state.checkpoints.length;
	const outdated =
		deps.keepPayloads === "all"
			? []
			: outdatedBy(built.header.status, attach.parent, attach.discarded, await session.headers());
	const change = commitOps(meta, built, attach.discarded, depth, deps.clock.nowS(), outdated);
	await deps.store.commit(change.ops);
	session.history = history;
	if (!aborted) {
		attach.state.push(
			built.header,
			{
				tail: messages.content.subarray(built.header.messagesShared),
				requestCount: messages.count,
				appended: Array.from({ length: messages.count - attach.appendedFrom }, (_, i) =>
					messages.bytes(attach.appendedFrom + i),
				),
				generated: generation.reply.subarray(generation.messageRange.start, generation.messageRange.end),
			},
			prompt.ids,
			generation.completionIds,
		);
	}
	session.committed(change.meta, change.headers, change.dropped, attach.state);
	return built.header;
}

/** The session's history once a turn with this place stands. */
function historyAfter({ history }: Session, { branch, discarded, rollback }: Attachment, at: number) {
	const [first] = discarded;
	if (first !== undefined && rollback !== null) {
		return withEvent(history, "rollbacks", { kind: rollback.kind, at, turn: first.id, path: rollback.path });
	}
	if (branch === null) return history;
	return withEvent(history, "branches", { kind: branch.kind, at, turn: branch.left, path: branch.path });
}
