// The answers of a chat as bytes: the turn that was just made, or the committed one of an earlier, equal request.
import { parseJson } from "../../json/parse.js";
import { tokenIdsText } from "../../json/token-text.js";
import type { JsonObject } from "../../json/value.js";
import type { WireOutcome, WireRefusal, WireReply } from "../front-end.js";
import { clientReply, type ReplyPart } from "./client-reply.js";
import { SSE_HEADERS, type StreamContent, sseBody } from "./sse.js";

/** The marker by which a client knows an aborted generation: libraries rewrite finish_reason. */
const ABORTED: readonly [string, string] = ["x-sglang-aborted", "1"];
const REPEATED: readonly [string, string] = ["idempotent-replayed", "true"];

/** The answer to the chat that made the turn. */
export function turnReply(
	outcome: Extract<WireOutcome, { kind: "turn" }>,
	content: StreamContent | null,
): WireReply {
	const { generation, header, prompt } = outcome;
	const marks = header.status === "provisional" ? [ABORTED] : [];
	if (content !== null)
		return streamed(generation.reply, generation.message, header.finishReason, content, marks);
	const pieces = clientReply(
		generation.reply,
		generation.excerpts,
		generation.messageRange.start,
		prompt.text,
	);
	return whole([...generation.headers, ...marks], pieces);
}

/** The committed answer once more. */
export function repeatedReply(
	repeat: Extract<WireOutcome, { kind: "repeat" }>,
	content: StreamContent | null,
): WireReply {
	const { header, reply } = repeat;
	const range = header.replyMessage;
	if (content !== null) {
		const message = parseJson(reply.subarray(range.start, range.end)) as JsonObject;
		return streamed(reply, message, header.finishReason, content, [REPEATED]);
	}
	const promptText = tokenIdsText(repeat.promptIds);
	const parts = header.replyHoles.map((hole): ReplyPart => {
		const told = hole.part === "prompt_token_ids";
		return {
			offset: hole.offset,
			field: hole.part,
			bytes: told ? [promptText] : [],
		};
	});
	return whole(
		[["content-type", "application/json"], REPEATED],
		clientReply(reply, parts, range.start, [promptText]),
	);
}

/** The engine's own answer, as it came. */
export function refusedReply({ status, headers, body }: WireRefusal): WireReply {
	return { status, headers, pieces: [body], byteLength: body.length };
}

function streamed(
	reply: Buffer,
	message: JsonObject,
	finishReason: string | null,
	content: StreamContent,
	marks: ReadonlyArray<readonly [string, string]>,
): WireReply {
	return whole([...SSE_HEADERS, ...marks], [Buffer.from(sseBody(reply, message, finishReason, content))]);
}

function whole(headers: WireReply["headers"], pieces: readonly Buffer[]): WireReply {
	return { status: 200, headers, pieces, byteLength: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}
