// The answers to an OpenAI chat client as bytes: whole or streamed, of the turn that was just made or of a committed one.
import { tokenIdsText } from "../../json/token-text.js";
import { type AnsweredOutcome, answerOf } from "../answer.js";
import type { WireOutcome, WireRefusal, WireReply } from "../front-end.js";
import { SSE_HEADERS } from "../sse-headers.js";
import { type ClientExcerpt, clientReply } from "./client-reply.js";
import { type StreamContent, sseBody } from "./sse.js";

export function streamedReply(outcome: AnsweredOutcome, content: StreamContent): WireReply {
	return whole(SSE_HEADERS, [Buffer.from(sseBody(answerOf(outcome), content))]);
}

/** The whole answer to the chat that made the turn. */
export function turnReply(
	{ generation, prompt }: Extract<WireOutcome, { kind: "turn" }>,
	promptIds: boolean,
): WireReply {
	const { excerpts, headers, messageRange, reply } = generation;
	return whole(headers, clientReply(reply, excerpts, messageRange.start, promptIds ? prompt.text : null));
}

/** The committed answer once more. */
export function repeatedReply(
	{ header, promptIds: ids, reply }: Extract<WireOutcome, { kind: "repeat" }>,
	promptIds: boolean,
): WireReply {
	const promptText = promptIds ? [tokenIdsText(ids)] : null;
	const excerpts = header.replyHoles.map(
		({ offset, part }): ClientExcerpt => ({
			offset,
			field: part,
			bytes: part === "prompt_token_ids" ? (promptText ?? []) : [],
		}),
	);
	const pieces = clientReply(reply, excerpts, header.replyMessage.start, promptText);
	return whole([["content-type", "application/json"]], pieces);
}

/** The engine's own answer, as it came. */
export function refusedReply({ status, headers, body }: WireRefusal): WireReply {
	return { status, headers, pieces: [body], byteLength: body.length };
}

function whole(headers: WireReply["headers"], pieces: readonly Buffer[]): WireReply {
	return { status: 200, headers, pieces, byteLength: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}
