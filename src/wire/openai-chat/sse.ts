// The streamed form of a finished reply: a chunk for each kind of output in it, the usage where asked for, and [DONE]. Pure.
import { parseJson, writeJson } from "../../json/parse.js";
import { skipSpace, skipValue } from "../../json/skip.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import { JsonNumber } from "../../json/value.js";
import { type Answer, members } from "../answer.js";

/** Of a reply, as the scanner that read it bounds it. */
const MAX_DEPTH = 64;

/** What the client asked to have in its stream. */
export interface StreamContent {
	/** `logprobs` of the choice; what was asked for on the record's behalf is left out. */
	logprobs: boolean;
	/** `stream_options.include_usage`: a last chunk with the usage and no choice; without it the one chunk has the usage. */
	usageChunk: boolean;
}

export function sseBody(answer: Answer, content: StreamContent): string {
	const { finishReason, usage } = answer;
	const chunk = (choices: JsonValue[], usage: JsonValue): string => {
		const fields: JsonObject = new Map<string, JsonValue>([
			["id", answer.field("id")],
			["object", "chat.completion.chunk"],
			["created", answer.field("created")],
			["model", answer.field("model")],
			["choices", choices],
		]);
		if (usage !== null || content.usageChunk) fields.set("usage", usage);
		return `data: ${writeJson(fields)}\n\n`;
	};
	const deltas = deltasOf(answer.message);
	const chunks = deltas.map((delta, at) => {
		const last = at === deltas.length - 1;
		const choice: JsonObject = new Map<string, JsonValue>([
			["index", new JsonNumber("0")],
			["delta", delta],
			["finish_reason", last ? finishReason : null],
		]);
		// Of all tokens at once: which belong to which chunk the engine does not say.
		if (at === 0 && content.logprobs) choice.set("logprobs", logprobsOf(answer.fieldBytes("choices")));
		return chunk([choice], last && !content.usageChunk ? usage : null);
	});
	if (content.usageChunk && usage !== null) chunks.push(chunk([], usage));
	return `${chunks.join("")}data: [DONE]\n\n`;
}

/** `logprobs` of the first of the choices; a reply that was read has one. */
function logprobsOf(choices: Buffer | null): JsonValue {
	if (choices === null) return null;
	const start = skipSpace(choices, 1);
	const bytes = members(choices.subarray(start, skipValue(choices, start, 0, MAX_DEPTH)))("logprobs");
	return bytes === null ? null : parseJson(bytes);
}

/**
 * Reasoning, text and calls apart, in the order in which an engine samples them. Clients rely on it: autogen's
 * OpenAIChatCompletionClient (autogen-ext 0.7.5) ignores the calls of a chunk that has text.
 */
function deltasOf(message: JsonObject): JsonObject[] {
	const content = message.get("content") ?? null;
	const reasoning = message.get("reasoning_content") ?? null;
	const calls = message.get("tool_calls");
	const deltas: JsonObject[] = [];
	if (reasoning !== null) deltas.push(new Map([["reasoning_content", reasoning]]));
	if (content !== null && content !== "") deltas.push(new Map([["content", content]]));
	if (Array.isArray(calls) && calls.length > 0) deltas.push(new Map([["tool_calls", indexed(calls)]]));
	const [first, ...rest] = deltas;
	const role = message.get("role") ?? "assistant";
	const empty: JsonValue = content === "" ? "" : null;
	return [new Map<string, JsonValue>([["role", role], ["content", empty], ...(first ?? [])]), ...rest];
}

/** The engine's index is the position in the tools list; a client joins the deltas of a call by it. */
function indexed(calls: readonly JsonValue[]): JsonValue {
	return calls.map((call, index) =>
		call instanceof Map ? new Map([...call, ["index", new JsonNumber(String(index))]]) : call,
	);
}
