// Counts one chat at its end, from the report that its log record is made of. Logs nothing.
import type { TurnReport } from "../session/turn/turn-report.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";

/** How a chat ended. */
export interface ChatEnd {
	status: number;
	code: string | null;
	finishReason: string | null;
	turn: number | null;
	replyBytes: number;
}

/** Those of engines; any other word of one is `other`, or a label could take any value. */
const FINISH_REASONS: ReadonlySet<string> = new Set([
	"stop",
	"length",
	"tool_calls",
	"function_call",
	"content_filter",
	"abort",
]);

export function countChat(
	metrics: Metrics<"worker">,
	end: ChatEnd,
	report: TurnReport,
	totalMs: number,
): void {
	const { finishReason } = end;
	const reason = finishReason === null || FINISH_REASONS.has(finishReason) ? (finishReason ?? "") : "other";
	metrics.chats_total.at(String(end.status), end.code ?? "", reason).value++;
	countPhases(metrics.chat_phase_seconds, report, totalMs);
	metrics.prompt_tokens_total.value += report.promptTokens;
	metrics.reused_tokens_total.value += report.reusedTokens;
	metrics.completion_tokens_total.value += report.completionTokens;
	if (report.rollback !== null) metrics.rollbacks_total.at(report.rollback.kind).value++;
	if (report.branch !== null) metrics.branches_total.at(report.branch.kind).value++;
	if (report.refused !== null) metrics.refused_histories_total.at(report.refused.kind).value++;
	if (report.controlText !== null) metrics.control_text_total.value++;
	const { committed } = report;
	if (committed === null) return;
	metrics.turns_total.value++;
	if (committed.aborted) metrics.aborted_turns_total.value++;
	if (committed.stopJoin) metrics.stop_joins_total.value++;
	metrics.replay_bytes_total.at("received").value += committed.payloadBytes;
	metrics.replay_bytes_total.at("stored").value += committed.payloadBytesStored;
}

function countPhases(
	seconds: Metrics<"worker">["chat_phase_seconds"],
	{ timings }: TurnReport,
	totalMs: number,
): void {
	observe(seconds.at("lock_wait"), timings.lockWaitMs);
	observe(seconds.at("tokenize"), timings.tokenizeInMs);
	observe(seconds.at("engine"), timings.proxyElapsedMs);
	observe(seconds.at("read"), timings.tokenizeOutMs);
	observe(seconds.at("commit"), timings.commitMs);
	seconds.at("total").observe(totalMs / 1000);
}

/** A phase that a chat did not come to took no time at all. */
function observe(seconds: { observe(value: number): void }, ms: number): void {
	if (ms > 0) seconds.observe(ms / 1000);
}
