// The answers of a chat as bytes: the turn that was just made, or the committed one of an earlier, equal request.
import { parseJson } from "../../json/parse.js";
import { tokenIdsText } from "../../json/token-text.js";
import type { JsonObject } from "../../json/value.js";
import type { CommittedReply } from "../../session/turn/committed-reply.js";
import type { TurnOutcome } from "../../session/turn/run-turn.js";
import type { EngineTurn } from "../../worker/generate.js";
import { clientReply, type ReplyPart } from "./client-reply.js";
import { SSE_HEADERS, type StreamForm, sseBody } from "./sse.js";

export interface WireReply {
	status: number;
	headers: ReadonlyArray<readonly [string, string]>;
	pieces: readonly Buffer[];
	byteLength: number;
}

/** The marker by which a client knows an aborted generation: libraries rewrite finish_reason (contract section 5). */
const ABORTED: readonly [string, string] = ["x-sglang-aborted", "1"];
const REPEATED: readonly [string, string] = ["idempotent-replayed", "true"];

/** The answer to the chat that made the turn. */
export function turnReply(
	outcome: Extract<TurnOutcome<EngineTurn, never>, { kind: "turn" }>,
	stream: StreamForm | null,
): WireReply {
	const { generation, header, prompt } = outcome;
	const marks = header.status === "provisional" ? [ABORTED] : [];
	if (stream !== null)
		return streamed(generation.reply, generation.message, header.finishReason, stream, marks);
	const pieces = clientReply(
		generation.reply,
		generation.excerpts,
		generation.messageRange.start,
		prompt.text,
	);
	return whole([...generation.headers, ...marks], pieces);
}

/** The committed answer once more. */
export function repeatedReply(repeat: CommittedReply, stream: StreamForm | null): WireReply {
	const { header, reply } = repeat;
	const range = header.replyMessage;
	if (stream !== null) {
		const message = parseJson(reply.subarray(range.start, range.end)) as JsonObject;
		return streamed(reply, message, header.finishReason, stream, [REPEATED]);
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

function streamed(
	reply: Buffer,
	message: JsonObject,
	finishReason: string | null,
	form: StreamForm,
	marks: ReadonlyArray<readonly [string, string]>,
): WireReply {
	return whole([...SSE_HEADERS, ...marks], [Buffer.from(sseBody(reply, message, finishReason, form))]);
}

function whole(headers: WireReply["headers"], pieces: readonly Buffer[]): WireReply {
	return { status: 200, headers, pieces, byteLength: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}
