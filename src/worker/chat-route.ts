// POST chat completions: admission, body, turn, answer, and the two log records. Decides nothing about history.
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { RollpinError } from "../base/errors.js";
import type { RequestId, SessionId } from "../base/ids.js";
import { writeJson } from "../json/parse.js";
import type { TurnOutcome } from "../session/turn/run-turn.js";
import { type TakeTurnDeps, takeTurn } from "../session/turn/take-turn.js";
import { emptyReport } from "../session/turn/turn-report.js";
import { type ChatBody, parseChatBody } from "../wire/openai-chat/chat-body.js";
import { refuseFields } from "../wire/openai-chat/refused-fields.js";
import { repeatedReply, turnReply, type WireReply } from "../wire/openai-chat/replies.js";
import type { StreamForm } from "../wire/openai-chat/sse.js";
import { SseKeepalive } from "../wire/openai-chat/sse-keepalive.js";
import {
	type ChatEnd,
	chatDone,
	endText,
	logBranch,
	logControlText,
	logRefused,
	logRollback,
	logToolsChange,
} from "./chat-log.js";
import { CLIENT_GONE_STATUS, ClientGone } from "./client-gone.js";
import type { WorkerContext } from "./context.js";
import { type EngineTurn, generateThrough, type RefusedTurn } from "./generate.js";
import { readBody, requireJson } from "./read-body.js";
import { requestIdOf, sendError, sendPieces } from "./respond.js";

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

export async function chat(
	context: WorkerContext,
	id: SessionId,
	query: string,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const { admission, clock, config, logger } = context;
	const startedMs = clock.monotonicMs();
	const arrivedAt = clock.nowS();
	const reqId = randomBytes(4).toString("hex") as RequestId;
	const report = emptyReport();
	const end: ChatEnd = { status: 0, code: null, finishReason: null, turn: null, replyBytes: 0 };
	const gone = new AbortController();
	const onClose = () => {
		if (!response.writableFinished) gone.abort(new ClientGone());
	};
	response.once("close", onClose);
	let ticket: ReturnType<typeof admission.enter> | null = null;
	let messages = 0;
	/** Message text, which only `--log-content` lets into a log. */
	const content: { asked?: string; answered?: string } = {};
	const start = () =>
		logger.event(
			"chat_start",
			{
				req_id: reqId,
				session_id: id,
				x_request_id: requestIdOf(request),
				messages,
				inflight_now: admission.inflight,
				...(content.asked === undefined ? {} : { content: content.asked }),
			},
			`${messages} messages`,
		);
	let started = false;
	/** Set when the request has been read. */
	const read: { stream: StreamForm | null; keepalive: SseKeepalive | null } = {
		stream: null,
		keepalive: null,
	};
	try {
		ticket = admission.enter();
		const { grow, hold } = ticket;
		const body = await readBody(request, config.limits.maxBodyBytes, hold);
		requireJson(request, body);
		const key = idempotencyKey(request);
		const outcome = await takeTurn<ChatBody, EngineTurn, RefusedTurn>(
			{
				id,
				arrivedAt,
				idempotency: key === null ? null : { key, body },
				client: gone.signal,
				cancelWhenGone: config.onDisconnect === "cancel",
				async read(resent) {
					const parsed = parseChatBody(body, resent, {
						maxMessages: config.limits.maxMessages,
						maxDepth: config.limits.maxJsonDepth,
					});
					refuseFields(body, parsed.scan, config);
					messages = parsed.messages.count;
					if (config.log.content) content.asked = parsed.messages.bytes(messages - 1).toString("utf8");
					started = true;
					start();
					if (parsed.stream) read.stream = parsed.streamed;
					if (parsed.stream && config.sseKeepaliveMs > 0)
						read.keepalive = new SseKeepalive(response, config.sseKeepaliveMs);
					// Its release decides how tools are rendered.
					await context.gate?.pass();
					return parsed;
				},
				generateFor: (session, parsed) =>
					generateThrough(context, session, { parsed, query, request, reqId, onReplyBytes: grow }),
			},
			turnDeps(context),
			report,
		);
		const reply = wireReply(outcome, read.stream);
		if (outcome.kind === "turn") context.counters.turnsCompleted++;
		read.keepalive?.stop();
		if (report.rollback !== null) context.counters.rollbacks++;
		if (report.branch !== null) context.counters.branches++;
		if (report.rollback !== null && !response.headersSent)
			response.setHeader("x-rollpin-discarded-turn", report.rollback.discarded);
		describe(end, outcome);
		if (config.log.content && outcome.kind === "turn") {
			content.answered = writeJson(outcome.generation.message);
		}
		end.status = reply.status;
		if (read.keepalive?.begun && reply.status !== 200)
			read.keepalive.refuse(reply.status, Buffer.concat(reply.pieces));
		else await send(response, reply, end);
	} catch (error) {
		read.keepalive?.stop();
		if (error instanceof ClientGone || gone.signal.aborted) {
			end.status = CLIENT_GONE_STATUS;
			end.code = "client_gone";
			response.destroy();
		} else {
			const inStream = read.keepalive?.begun === true && !response.writableEnded ? read.keepalive : null;
			const shown = sendError(request, response, error, logger, inStream);
			end.status = shown.status;
			end.code = shown.code;
		}
	} finally {
		response.off("close", onClose);
		read.keepalive?.stop();
		if (!started) start();
		ticket?.leave();
		if (report.rollback !== null) logRollback(logger, reqId, id, report.rollback);
		if (report.branch !== null) logBranch(logger, reqId, id, report.branch);
		if (report.refused !== null) {
			context.counters.historyRefused++;
			logRefused(logger, reqId, id, report.refused);
		}
		if (report.controlText !== null) logControlText(logger, reqId, id, report.controlText);
		if (report.toolsChange !== null) logToolsChange(logger, reqId, id, report.toolsChange);
		logger.event(
			"chat_done",
			{
				...chatDone(reqId, id, end, report, clock.monotonicMs() - startedMs, admission.inflight),
				...(content.answered === undefined ? {} : { content: content.answered }),
			},
			endText(end, report, clock.monotonicMs() - startedMs),
		);
	}
}

function turnDeps({ clock, config, placing, registry, store, tito }: WorkerContext): TakeTurnDeps {
	const { limits } = config;
	return {
		registry,
		placing,
		store,
		tito,
		clock,
		onAlteredAnswer: config.onAlteredAnswer,
		maxTurns: limits.maxTurnsPerSession,
		maxTreeNodes: limits.maxTreeNodes,
		maxTokens: limits.maxTokensPerSession,
		keepPayloads: config.r3Keep,
	};
}

function wireReply(outcome: TurnOutcome<EngineTurn, RefusedTurn>, stream: StreamForm | null): WireReply {
	if (outcome.kind === "turn") return turnReply(outcome, stream);
	if (outcome.kind === "repeat") return repeatedReply(outcome, stream);
	const { status, headers, body } = outcome.refusal;
	return { status, headers, pieces: [body], byteLength: body.length };
}

function describe(end: ChatEnd, outcome: TurnOutcome<EngineTurn, RefusedTurn>): void {
	if (outcome.kind === "refused") {
		end.code = "upstream_status";
		return;
	}
	end.finishReason = outcome.header.finishReason;
	end.turn = outcome.header.id;
}

async function send(response: ServerResponse, reply: WireReply, end: ChatEnd): Promise<void> {
	if (!response.headersSent) {
		response.statusCode = reply.status;
		for (const [name, value] of reply.headers) response.setHeader(name, value);
		response.setHeader("content-length", reply.byteLength);
	}
	end.replyBytes = reply.byteLength;
	await sendPieces(response, reply.pieces);
}

function idempotencyKey(request: IncomingMessage): string | null {
	const key = request.headers["idempotency-key"];
	if (key === undefined) return null;
	if (typeof key === "string" && IDEMPOTENCY_KEY.test(key)) return key;
	throw new RollpinError(
		"invalid_request",
		"Idempotency-Key must have 1 to 255 visible ASCII characters, once",
	);
}
