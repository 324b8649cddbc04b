// OpenAI chat completions as a front end. The client's bytes are the chat: nothing is copied on the way in.
import { errorBody, RollpinError } from "../../base/errors.js";
import { JsonNumber } from "../../json/value.js";
import { engineError } from "../answer.js";
import type { ChatBody } from "../chat-body.js";
import type { AnswerForm, FrontEnd } from "../front-end.js";
import { SSE_HEADERS } from "../sse-headers.js";
import { refusedReply, repeatedReply, streamedReply, turnReply } from "./replies.js";
import type { StreamContent } from "./sse.js";

export const openaiChat: FrontEnd = {
	decode: (body) => ({ chat: body, answer: answerForm }),
	encodeError: errorBody,
	stream: {
		headers: SSE_HEADERS,
		keepalive: ": waiting\n\n",
		// As OpenAI's clients understand it: an event with an `error`, and no `[DONE]` after it.
		errorEvent: (error) => `data: ${errorBody(error)}\n\n`,
		refusalEvent: (refusal) => `data: ${JSON.stringify({ error: engineError(refusal) })}\n\n`,
	},
};

function answerForm(chat: ChatBody): AnswerForm {
	const content = streamContent(chat);
	return {
		stream: content !== null,
		encode(outcome, promptIds) {
			if (outcome.kind === "refused") return refusedReply(outcome.refusal);
			if (content !== null) return streamedReply(outcome, content);
			return outcome.kind === "turn" ? turnReply(outcome, promptIds) : repeatedReply(outcome, promptIds);
		},
	};
}

/** What a stream is to hold; null when the answer is to be none. @throws RollpinError `invalid_request` */
function streamContent({ field }: ChatBody): StreamContent | null {
	const stream = field("stream") ?? false;
	if (typeof stream !== "boolean") {
		throw new RollpinError("invalid_request", "stream must be true or false", { param: "stream" });
	}
	if (!stream) return null;
	const options = field("stream_options");
	const topLogprobs = field("top_logprobs");
	return {
		logprobs: field("logprobs") === true || (topLogprobs instanceof JsonNumber && topLogprobs.value > 0),
		usageChunk: options instanceof Map && options.get("include_usage") === true,
	};
}
