// An OpenAI chat client as the conformance suite needs one: what it sends, and what it makes of answers and streams.
import type { Call, Message } from "../../clients/scripted-conversation.js";
import type { Reply } from "../../support/worker-rig.js";
import type { ClientAnswer, WireClient } from "../conformance.js";

interface ErrorText {
	message?: string;
}

interface Chunk {
	error?: ErrorText;
	choices: Array<{
		delta: Partial<Message> & { tool_calls?: Array<Call & { index: number }> };
		finish_reason: string | null;
	}>;
	usage?: Usage | null;
}

interface Usage {
	prompt_tokens: number;
	completion_tokens: number;
}

export const openaiChatClient: WireClient = {
	path: "/v1/chat/completions",
	body: ({ messages, tools, stream }) =>
		Buffer.from(
			JSON.stringify({
				model: "m",
				messages,
				...(tools === undefined ? {} : { tools }),
				max_tokens: 12,
				...(stream ? { stream, stream_options: { include_usage: true } } : {}),
			}),
		),
	answer: (reply) => (isStream(reply) ? streamed(reply.text) : whole(reply.text)),
	error(reply) {
		// The SDK takes `error` where there is one, else the whole body: SGLang's own errors are flat.
		const body = (isStream(reply) ? events(reply.text).at(-1) : JSON.parse(reply.text)) as Chunk & ErrorText;
		const message = isStream(reply) ? body.error?.message : (body.error ?? body).message;
		if (message === undefined) throw new Error("no error in it");
		return message;
	},
};

function isStream({ headers }: Reply): boolean {
	return String(headers["content-type"]).startsWith("text/event-stream");
}

function whole(text: string): ClientAnswer {
	const { choices, usage } = JSON.parse(text) as {
		choices: Array<{ message: Message; finish_reason: string }>;
		usage: Usage;
	};
	const [choice] = choices;
	if (choice === undefined) throw new Error("no choice");
	return { message: choice.message, finishReason: choice.finish_reason, usage: counts(usage) };
}

function streamed(text: string): ClientAnswer {
	if (!text.endsWith("data: [DONE]\n\n")) throw new Error("the stream has no end");
	const message: Message = { role: "assistant", content: "" };
	const calls: Call[] = [];
	let finishReason: string | null = null;
	let usage: Usage | null = null;
	for (const chunk of events(text)) {
		if (chunk.error !== undefined) throw new Error(chunk.error.message);
		usage = chunk.usage ?? usage;
		for (const { delta, finish_reason } of chunk.choices) {
			finishReason = finish_reason ?? finishReason;
			for (const key of ["content", "reasoning_content"]) {
				if (typeof delta[key] === "string") message[key] = `${message[key] ?? ""}${delta[key]}`;
			}
			for (const { index, ...call } of delta.tool_calls ?? []) calls[index] = call as Call;
		}
	}
	if (finishReason === null) throw new Error("no finish reason");
	if (calls.length > 0) message.tool_calls = calls;
	return { message, finishReason, usage: usage === null ? null : counts(usage) };
}

/** The events' data; `[DONE]` and comments left out. */
function events(text: string): Chunk[] {
	return text
		.split("\n\n")
		.filter((block) => block.startsWith("data: {"))
		.map((block) => JSON.parse(block.slice("data: ".length)) as Chunk);
}

function counts({ prompt_tokens, completion_tokens }: Usage): NonNullable<ClientAnswer["usage"]> {
	return { prompt: prompt_tokens, completion: completion_tokens };
}
