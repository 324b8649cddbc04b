// The log records of one chat: its start, what of it is worth a record of its own, and its end, which is counted, too.
import type { RequestId, SessionId } from "../base/ids.js";
import { randomHex } from "../base/random-hex.js";
import type { ToolsChange } from "../session/turn/tools-change.js";
import { emptyReport, type RollbackReport, type TurnReport } from "../session/turn/turn-report.js";
import type { ChatDone } from "../telemetry/events.js";
import type { Logger } from "../telemetry/logger.js";
import { type ChatEnd, countChat } from "./chat-metrics.js";
import type { WorkerContext } from "./context.js";

type LogContext = Pick<WorkerContext, "admission" | "clock" | "logger" | "metrics">;

export class ChatLog {
	readonly reqId = randomHex(4) as RequestId;
	/** Filled by the turn. */
	readonly report = emptyReport();
	readonly end: ChatEnd = { status: 0, code: null, finishReason: null, turn: null, replyBytes: 0 };
	/** The answer's text, which only `--log-content` lets into a log. */
	answered: string | undefined;
	readonly #context: LogContext;
	readonly #id: SessionId;
	readonly #requestId: string;
	readonly #startedMs: number;
	#started = false;

	/** @param requestId the client's, or the router's for it */
	constructor(context: LogContext, id: SessionId, requestId: string) {
		this.#context = context;
		this.#id = id;
		this.#requestId = requestId;
		this.#startedMs = context.clock.monotonicMs();
	}

	/** @param asked the last message's text, with `--log-content` */
	start(messages: number, asked: string | undefined): void {
		this.#started = true;
		const { admission, logger } = this.#context;
		logger.event(
			"chat_start",
			{
				req_id: this.reqId,
				session_id: this.#id,
				x_request_id: this.#requestId,
				messages,
				inflight_now: admission.inflight,
				...(asked === undefined ? {} : { content: asked }),
			},
			`${messages} messages`,
		);
	}

	/** Every end has a start, also that of a chat whose body could not be read. */
	startIfMissing(): void {
		if (!this.#started) this.start(0, undefined);
	}

	/** The last record, with all that came before it in the turn. */
	finish(): void {
		const { admission, clock, logger, metrics } = this.#context;
		const { end, report, reqId } = this;
		const id = this.#id;
		if (report.rollback !== null) logRollback(logger, reqId, id, report.rollback);
		if (report.branch !== null) logBranch(logger, reqId, id, report.branch);
		if (report.refused !== null) logRefused(logger, reqId, id, report.refused);
		if (report.controlText !== null) logControlText(logger, reqId, id, report.controlText);
		if (report.toolsChange !== null) logToolsChange(logger, reqId, id, report.toolsChange);
		const totalMs = clock.monotonicMs() - this.#startedMs;
		countChat(metrics, end, report, totalMs);
		logger.event(
			"chat_done",
			{
				...chatDone(reqId, id, end, report, totalMs, admission.inflight),
				...(this.answered === undefined ? {} : { content: this.answered }),
			},
			endText(end, report, totalMs),
		);
	}
}

const ROLLBACK: Record<RollbackReport["kind"], string> = {
	retry: "the same messages once more take the place of turn",
	reworded: "other messages take the place of turn",
	replaced: "an altered answer came back (--on-altered-answer replace), and this takes the place of turn",
};

function logRollback(logger: Logger, reqId: RequestId, id: SessionId, rollback: RollbackReport): void {
	const { discarded, head, index, kind, path } = rollback;
	logger.event(
		"rollback",
		{ req_id: reqId, session_id: id, kind, discarded_turn: discarded, head, index, path },
		`${ROLLBACK[kind]} ${discarded}; they part at ${path}`,
		// A client may mean it, or send no answers back at all: then each of its chats takes the last one's place.
		kind === "retry" ? "info" : "warn",
	);
}

function logBranch(
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

function logRefused(
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

function logControlText(
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

function logToolsChange(
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

function chatDone(
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

function endText(end: ChatEnd, report: TurnReport, totalMs: number): string {
	const what =
		end.turn === null ? (end.code ?? "no turn") : `turn ${end.turn} (${end.finishReason ?? "no reason"})`;
	return `${end.status} ${what}, ${Math.round(totalMs)} ms, ${report.promptTokens}+${report.completionTokens} tokens`;
}

function round(ms: number): number {
	return Math.round(ms * 100) / 100;
}
