// POST chat completions: admission, body, turn, answer, and the two log records. Decides nothing about history.
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { RollpinError } from "../base/errors.js";
import type { RequestId, SessionId } from "../base/ids.js";
import { writeJson } from "../json/parse.js";
import type { Session } from "../session/life/session.js";
import type { TemplateInput } from "../session/turn/generation.js";
import { encodeFirstPrompt } from "../session/turn/prompt.js";
import {
	type ChatFacts,
	type ChatOutcome,
	type ChatRequest,
	emptyFacts,
	runChat,
} from "../session/turn/run-turn.js";
import { type ChatBody, parseChatBody } from "../wire/openai-chat/chat-body.js";
import { refuseFields } from "../wire/openai-chat/refused-fields.js";
import { replayedReply, turnReply, type WireReply } from "../wire/openai-chat/replies.js";
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
	const { admission, clock, logger } = context;
	const startedMs = clock.monotonicMs();
	const arrivedAt = clock.nowS();
	const reqId = randomBytes(4).toString("hex") as RequestId;
	const facts = emptyFacts();
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
	let keepalive: SseKeepalive | null = null;
	try {
		ticket = admission.enter();
		const { grow, hold } = ticket;
		const body = await readBody(request, context.config.limits.maxBodyBytes, hold);
		requireJson(request, body);
		const key = idempotencyKey(request);
		const known = await context.registry.find(id);
		const parsed = parseChatBody(body, known?.sharedMessages ?? null, {
			maxMessages: context.config.limits.maxMessages,
			maxDepth: context.config.limits.maxJsonDepth,
		});
		refuseFields(body, parsed.scan, context.config);
		messages = parsed.messages.count;
		if (context.config.log.content) content.asked = parsed.messages.bytes(messages - 1).toString("utf8");
		started = true;
		start();
		const { sseKeepaliveMs } = context.config;
		if (parsed.stream && sseKeepaliveMs > 0) keepalive = new SseKeepalive(response, sseKeepaliveMs);
		// Its release decides how tools are rendered.
		await context.gate?.pass();
		const { template } = parsed;
		// A request that is refused must not create a session, and the template may be the one to refuse it.
		const firstPrompt = known === undefined ? await firstPromptOf(context, parsed, template, facts) : null;
		if (gone.signal.aborted) throw new ClientGone();
		const session = known ?? (await context.registry.findOrCreate(id));
		const chatRequest: ChatRequest = {
			messages: parsed.messages,
			template,
			toolsHash: parsed.toolsHash,
			firstPrompt,
			idempotency: key === null ? null : { key, body },
			arrivedAt,
			clientGone: context.config.onDisconnect === "cancel" ? gone.signal : undefined,
		};
		const done = context.registry.use(session);
		let reply: WireReply;
		try {
			const via = { parsed, query, request, reqId, onReplyBytes: grow };
			const outcome = await turn(context, session, chatRequest, via, facts);
			reply = wireReply(outcome, parsed.stream ? parsed.streamed : null);
			if (outcome.kind === "turn") context.counters.turnsCompleted++;
			keepalive?.stop();
			if (facts.rollback !== null) context.counters.rollbacks++;
			if (facts.branch !== null) context.counters.branches++;
			if (facts.rollback !== null && !response.headersSent)
				response.setHeader("x-rollpin-discarded-turn", facts.rollback.discarded);
			describe(end, outcome);
			if (context.config.log.content && outcome.kind === "turn") {
				content.answered = writeJson(outcome.generation.message);
			}
		} finally {
			done();
		}
		end.status = reply.status;
		if (keepalive?.begun && reply.status !== 200) keepalive.refuse(reply.status, Buffer.concat(reply.pieces));
		else await send(response, reply, end);
	} catch (error) {
		keepalive?.stop();
		if (error instanceof ClientGone || gone.signal.aborted) {
			end.status = CLIENT_GONE_STATUS;
			end.code = "client_gone";
			response.destroy();
		} else {
			const inStream = keepalive?.begun === true && !response.writableEnded ? keepalive : null;
			const shown = sendError(request, response, error, logger, inStream);
			end.status = shown.status;
			end.code = shown.code;
		}
	} finally {
		response.off("close", onClose);
		keepalive?.stop();
		if (!started) start();
		ticket?.leave();
		if (facts.rollback !== null) logRollback(logger, reqId, id, facts.rollback);
		if (facts.branch !== null) logBranch(logger, reqId, id, facts.branch);
		if (facts.refused !== null) {
			context.counters.historyRefused++;
			logRefused(logger, reqId, id, facts.refused);
		}
		if (facts.controlText !== null) logControlText(logger, reqId, id, facts.controlText);
		if (facts.toolsChange !== null) logToolsChange(logger, reqId, id, facts.toolsChange);
		logger.event(
			"chat_done",
			{
				...chatDone(reqId, id, end, facts, clock.monotonicMs() - startedMs, admission.inflight),
				...(content.answered === undefined ? {} : { content: content.answered }),
			},
			endText(end, facts, clock.monotonicMs() - startedMs),
		);
	}
}

async function firstPromptOf(
	context: WorkerContext,
	{ messages }: ChatBody,
	template: TemplateInput,
	facts: ChatFacts,
): Promise<Int32Array> {
	const startedMs = context.clock.monotonicMs();
	try {
		return await encodeFirstPrompt(
			messages,
			template,
			context.tito,
			context.config.limits.maxTokensPerSession,
		);
	} finally {
		facts.timings.tokenizeInMs += context.clock.monotonicMs() - startedMs;
	}
}

function turn(
	context: WorkerContext,
	session: Session,
	request: ChatRequest,
	via: Parameters<typeof generateThrough>[2],
	facts: ChatFacts,
): Promise<ChatOutcome<EngineTurn, RefusedTurn>> {
	const { limits } = context.config;
	return runChat(
		session,
		request,
		generateThrough(context, session, via),
		{
			...context.placing(session.meta),
			store: context.store,
			tito: context.tito,
			onAlteredAnswer: context.config.onAlteredAnswer,
			clock: context.clock,
			maxTurns: limits.maxTurnsPerSession,
			maxTreeNodes: limits.maxTreeNodes,
			maxTokens: limits.maxTokensPerSession,
			keepPayloads: context.config.r3Keep,
		},
		facts,
	);
}

function wireReply(outcome: ChatOutcome<EngineTurn, RefusedTurn>, stream: StreamForm | null): WireReply {
	if (outcome.kind === "turn") return turnReply(outcome, stream);
	if (outcome.kind === "replay") return replayedReply(outcome, stream);
	const { status, headers, body } = outcome.refusal;
	return { status, headers, pieces: [body], byteLength: body.length };
}

function describe(end: ChatEnd, outcome: ChatOutcome<EngineTurn, RefusedTurn>): void {
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
