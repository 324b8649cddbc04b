// The log records of one chat's end. Formats what the route knows; decides nothing.
import type { RequestId, SessionId } from "../base/ids.js";
import type { ToolsChange } from "../session/turn/tools-change.js";
import type { RollbackReport, TurnReport } from "../session/turn/turn-report.js";
import type { ChatDone } from "../telemetry/events.js";
import type { Logger } from "../telemetry/logger.js";

/** How a chat ended, for its log record. */
export interface ChatEnd {
	status: number;
	code: string | null;
	finishReason: string | null;
	turn: number | null;
	replyBytes: number;
}

const ROLLBACK: Record<RollbackReport["kind"], string> = {
	retry: "the same messages once more take the place of turn",
	reworded: "other messages take the place of turn",
	replaced: "an altered answer came back (--on-altered-answer replace), and this takes the place of turn",
};

export function logRollback(logger: Logger, reqId: RequestId, id: SessionId, rollback: RollbackReport): void {
	const { discarded, head, index, kind, path } = rollback;
	logger.event(
		"rollback",
		{ req_id: reqId, session_id: id, kind, discarded_turn: discarded, head, index, path },
		`${ROLLBACK[kind]} ${discarded}; they part at ${path}`,
		// A client may mean it, or send no answers back at all: then each of its chats takes the last one's place.
		kind === "retry" ? "info" : "warn",
	);
}

export function logBranch(
	logger: Logger,
	reqId: RequestId,
	id: SessionId,
	{ index, kind, left, path, turn }: NonNullable<TurnReport["branch"]>,
): void {
	logger.event(
		"branch",
		{ req_id: reqId, session_id: id, kind, turn, left, index, path },
		`turn ${turn} leaves turn ${left} at ${path} (${kind}); both are kept`,
	);
}

export function logRefused(
	logger: Logger,
	reqId: RequestId,
	id: SessionId,
	{ kind, path, turn }: NonNullable<TurnReport["refused"]>,
): void {
	logger.event(
		"history_refused",
		{ req_id: reqId, session_id: id, code: kind, turn, path },
		`a request was refused (${kind}) that departs from the session at ${path}; nothing changed`,
	);
}

export function logControlText(
	logger: Logger,
	reqId: RequestId,
	id: SessionId,
	{ index, token }: NonNullable<TurnReport["controlText"]>,
): void {
	logger.event(
		"control_text",
		{ req_id: reqId, session_id: id, message: index, token },
		`messages[${index}] of session ${id} spells the control token ${token}: the model sees that token ` +
			"(--control-text refuse makes it a 400)",
	);
}

const TOOLS_CHANGE = {
	added: "it brings tools",
	removed: "it brings no tools",
	replaced: "it brings other tools",
};

export function logToolsChange(
	logger: Logger,
	reqId: RequestId,
	id: SessionId,
	{ change, turn }: ToolsChange,
): void {
	logger.event(
		"tools_changed",
		{ req_id: reqId, session_id: id, turn, change },
		`turn ${turn} goes on with a session, but ${TOOLS_CHANGE[change]}: they do not reach the prompt, which keeps ` +
			"those of the session's first turn; send all tools from the first turn on, or start another session",
	);
}

export function chatDone(
	reqId: RequestId,
	id: SessionId,
	end: ChatEnd,
	report: TurnReport,
	totalMs: number,
	inflightNow: number,
): ChatDone {
	const { timings } = report;
	return {
		req_id: reqId,
		session_id: id,
		status: end.status,
		code: end.code,
		finish_reason: end.finishReason,
		turn: end.turn,
		lock_wait_ms: round(timings.lockWaitMs),
		tokenize_in_ms: round(timings.tokenizeInMs),
		proxy_elapsed_ms: round(timings.proxyElapsedMs),
		tokenize_out_ms: round(timings.tokenizeOutMs),
		commit_ms: round(timings.commitMs),
		total_ms: round(totalMs),
		prompt_tokens: report.promptTokens,
		reused_tokens: report.reusedTokens,
		completion_tokens: report.completionTokens,
		reply_bytes: end.replyBytes,
		inflight_now: inflightNow,
	};
}

export function endText(end: ChatEnd, report: TurnReport, totalMs: number): string {
	const what =
		end.turn === null ? (end.code ?? "no turn") : `turn ${end.turn} (${end.finishReason ?? "no reason"})`;
	return `${end.status} ${what}, ${Math.round(totalMs)} ms, ${report.promptTokens}+${report.completionTokens} tokens`;
}

function round(ms: number): number {
	return Math.round(ms * 100) / 100;
}
