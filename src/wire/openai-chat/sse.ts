// The streamed form of a finished reply: a chunk for each kind of output in it, the usage where asked for, and [DONE]. Pure.
import { parseJson, writeJson } from "../../json/parse.js";
import { scanObject } from "../../json/scan.js";
import { skipSpace, skipValue } from "../../json/skip.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import { JsonNumber } from "../../json/value.js";

/** Of a reply, as the scanner that read it bounds it. */
const MAX_DEPTH = 64;

export const SSE_HEADERS: ReadonlyArray<readonly [string, string]> = [
	["content-type", "text/event-stream; charset=utf-8"],
	["cache-control", "no-cache"],
	["x-accel-buffering", "no"],
];

/** What the client asked to have in its stream. */
export interface StreamContent {
	/** `logprobs` of the choice; what was asked for on the record's behalf is left out. */
	logprobs: boolean;
	/** `stream_options.include_usage`: a last chunk with the usage and no choice; without it the one chunk has the usage. */
	usageChunk: boolean;
}

/**
 * @param reply the engine's reply without its excerpts
 * @param message choice 0's message
 */
export function sseBody(
	reply: Buffer,
	message: JsonObject,
	finishReason: string | null,
	content: StreamContent,
): string {
	const root = members(reply);
	const field = (key: string): JsonValue => parsed(root(key));
	const chunk = (choices: JsonValue[], usage: JsonValue): string => {
		const fields: JsonObject = new Map<string, JsonValue>([
			["id", field("id")],
			["object", "chat.completion.chunk"],
			["created", field("created")],
			["model", field("model")],
			["choices", choices],
		]);
		if (usage !== null || content.usageChunk) fields.set("usage", usage);
		return `data: ${writeJson(fields)}\n\n`;
	};
	const deltas = deltasOf(message);
	const usage = field("usage");
	const chunks = deltas.map((delta, at) => {
		const last = at === deltas.length - 1;
		const choice: JsonObject = new Map<string, JsonValue>([
			["index", new JsonNumber("0")],
			["delta", delta],
			["finish_reason", last ? finishReason : null],
		]);
		// Of all tokens at once: which belong to which chunk the engine does not say.
		if (at === 0 && content.logprobs) choice.set("logprobs", parsed(logprobsBytes(root("choices"))));
		return chunk([choice], last && !content.usageChunk ? usage : null);
	});
	if (content.usageChunk && usage !== null) chunks.push(chunk([], usage));
	return `${chunks.join("")}data: [DONE]\n\n`;
}

/** An object's members by key: the value's bytes, of the last one where there are several. */
function members(object: Buffer): (key: string) => Buffer | null {
	const { fields } = scanObject(object, { maxDepth: Number.POSITIVE_INFINITY });
	return (key) => {
		const range = fields.findLast((candidate) => candidate.key === key);
		return range === undefined ? null : object.subarray(range.valueStart, range.valueEnd);
	};
}

function parsed(bytes: Buffer | null): JsonValue {
	return bytes === null ? null : parseJson(bytes);
}

/** `logprobs` of the first of the choices; a reply that was read has one. */
function logprobsBytes(choices: Buffer | null): Buffer | null {
	if (choices === null) return null;
	const start = skipSpace(choices, 1);
	return members(choices.subarray(start, skipValue(choices, start, 0, MAX_DEPTH)))("logprobs");
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
