// POST of a chat, by whatever wire: admission, body, turn, answer. Decides nothing about history and knows no wire by name.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Cancellation, orAborted } from "../base/cancellation.js";
import { RollpinError } from "../base/errors.js";
import type { SessionId } from "../base/ids.js";
import { foreground } from "../base/pace.js";
import { writeJson } from "../json/parse.js";
import { type TakeTurnDeps, takeTurn } from "../session/turn/take-turn.js";
import { markHeaders } from "../wire/answer.js";
import { type ChatBody, chatBodyLimits, readChatBody } from "../wire/chat-body.js";
import type { AnswerForm, FrontEnd, HeaderList, WireOutcome, WireReply } from "../wire/front-end.js";
import { bringsPromptIds } from "../wire/prompt-ids.js";
import { refuseFields } from "../wire/refused-fields.js";
import { StreamKeepalive } from "../wire/stream-keepalive.js";
import type { ChatTicket } from "./admission.js";
import { ChatLog } from "./chat-log.js";
import { CLIENT_GONE_STATUS, ClientGone } from "./client-gone.js";
import type { WorkerContext } from "./context.js";
import { type EngineTurn, type GenerateContext, generateThrough, type RefusedTurn } from "./generate.js";
import { readBody, requireJson } from "./read-body.js";
import { requestIdOf, sendError, sendPieces } from "./respond.js";

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

type ChatContext = GenerateContext &
	Pick<WorkerContext, "admission" | "clock" | "placing" | "registry" | "store">;

/** A chat that was read, and how its client wants the answer. */
type ReadChat = ChatBody & { form: AnswerForm; promptIds: boolean };

export async function chat(
	context: ChatContext,
	frontEnd: FrontEnd,
	id: SessionId,
	query: string,
	request: IncomingMessage,
	response: ServerResponse,
): Promise<void> {
	const { admission, clock, config } = context;
	/** One for the whole chat: what was found out about it decides how the prompt is rendered. */
	const engine = context.engines.of(id);
	const arrivedAt = clock.nowS();
	const log = new ChatLog(context, id, requestIdOf(request));
	const { end, report, reqId } = log;
	/** Its client has gone, or the worker has no more time for it. */
	const gone = new Cancellation();
	const onClose = () => {
		if (!response.writableFinished) gone.abort(new ClientGone());
	};
	response.once("close", onClose);
	let ticket: ChatTicket | null = null;
	/** Null until the client is known to want a stream. */
	const signs: { keepalive: StreamKeepalive | null } = { keepalive: null };
	try {
		ticket = admission.enter((reason) => gone.abort(reason));
		const { grow, hold } = ticket;
		const body = await orAborted(readBody(request, config.limits.maxBodyBytes, hold), gone);
		requireJson(request, body);
		const key = idempotencyKey(request);
		// Of chats that come at once each has a turn of the loop: together they would hold it up for tens of milliseconds.
		if (foreground.isTaken) await foreground.breathe();
		const { content, outcome } = await takeTurn<ReadChat, EngineTurn, RefusedTurn>(
			{
				id,
				arrivedAt,
				idempotency: key === null ? null : { key, body },
				client: gone,
				cancelWhenGone: config.onDisconnect === "cancel",
				async read(earlier) {
					const limits = chatBodyLimits(config.limits);
					const decoded = frontEnd.decode(body, limits);
					const read = await readChatBody(decoded.chat, earlier, limits);
					const form = decoded.answer(read);
					refuseFields(read, config);
					log.start(read.messages.count, config.log.content ? lastMessage(read) : undefined);
					if (form.stream && config.sseKeepaliveMs > 0)
						signs.keepalive = new StreamKeepalive(response, config.sseKeepaliveMs, frontEnd.stream);
					// Its release decides how tools are rendered.
					await orAborted(engine.gate?.pass() ?? Promise.resolve(), gone);
					return { ...read, form, promptIds: bringsPromptIds(config.replyPromptIds, read) };
				},
				generateFor: (session, parsed) =>
					generateThrough(context, session, engine, { parsed, query, request, reqId, onReplyBytes: grow }),
			},
			turnDeps(context),
			report,
		);
		signs.keepalive?.stop();
		if (report.rollback !== null && !response.headersSent)
			response.setHeader("x-rollpin-discarded-turn", report.rollback.discarded);
		describe(log, outcome);
		if (config.log.content && outcome.kind === "turn") log.answered = writeJson(outcome.generation.message);
		if (outcome.kind === "refused" && signs.keepalive?.begun) signs.keepalive.refuse(outcome.refusal);
		else await send(response, content.form.encode(outcome, content.promptIds), markHeaders(outcome), log);
	} catch (error) {
		signs.keepalive?.stop();
		if (error instanceof ClientGone || gone.reason instanceof ClientGone) {
			end.status = CLIENT_GONE_STATUS;
			end.code = "client_gone";
			response.destroy();
		} else {
			const inStream = signs.keepalive?.begun === true && !response.writableEnded ? signs.keepalive : null;
			const shown = sendError(request, response, error, context, inStream, frontEnd.encodeError);
			end.status = shown.status;
			end.code = shown.code;
		}
	} finally {
		response.off("close", onClose);
		log.startIfMissing();
		ticket?.leave();
		log.finish();
	}
}

function lastMessage({ messages }: ChatBody): string {
	return messages.bytes(messages.count - 1).toString("utf8");
}

function turnDeps({ clock, config, placing, registry, store, tito }: ChatContext): TakeTurnDeps {
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

function describe({ end }: ChatLog, outcome: WireOutcome): void {
	if (outcome.kind === "refused") {
		end.status = outcome.refusal.status;
		end.code = "upstream_status";
		return;
	}
	end.finishReason = outcome.header.finishReason;
	end.turn = outcome.header.id;
}

async function send(
	response: ServerResponse,
	reply: WireReply,
	marks: HeaderList,
	{ end }: ChatLog,
): Promise<void> {
	end.status = reply.status;
	end.replyBytes = reply.byteLength;
	if (!response.headersSent) {
		response.statusCode = reply.status;
		for (const [name, value] of [...reply.headers, ...marks]) response.setHeader(name, value);
		response.setHeader("content-length", reply.byteLength);
	}
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
