// The streamed form of a finished reply: a chunk for each kind of output in it, and [DONE]. Pure.
import { parseJson, writeJson } from "../json/parse.js";
import { scanObject } from "../json/scan.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { JsonNumber } from "../json/value.js";

export const SSE_HEADERS: ReadonlyArray<readonly [string, string]> = [
	["content-type", "text/event-stream; charset=utf-8"],
	["cache-control", "no-cache"],
	["x-accel-buffering", "no"],
];

/**
 * @param reply the engine's reply without its opaque pieces
 * @param message choice 0's message
 */
export function sseBody(reply: Buffer, message: JsonObject, finishReason: string | null): string {
	const { fields } = scanObject(reply, { maxDepth: Number.POSITIVE_INFINITY });
	const field = (key: string): JsonValue => {
		const range = fields.findLast((candidate) => candidate.key === key);
		return range === undefined ? null : parseJson(reply.subarray(range.valueStart, range.valueEnd));
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
		const chunk: JsonObject = new Map<string, JsonValue>([
			["id", field("id")],
			["object", "chat.completion.chunk"],
			["created", field("created")],
			["model", field("model")],
			["choices", [choice]],
		]);
		if (last && usage !== null) chunk.set("usage", usage);
		return `data: ${writeJson(chunk)}\n\n`;
	});
	return `${chunks.join("")}data: [DONE]\n\n`;
}

/**
 * Reasoning, text and calls apart, in the order in which an engine samples them. Clients rely on it: autogen's
 * OpenAIChatCompletionClient (autogen-ext 0.7.5) passes over the calls of a chunk that has text.
 */
function deltasOf(message: JsonObject): JsonObject[] {
	const content = message.get("content") ?? null;
	const reasoning = message.get("reasoning_content") ?? null;
	const calls = message.get("tool_calls");
	const pieces: JsonObject[] = [];
	if (reasoning !== null) pieces.push(new Map([["reasoning_content", reasoning]]));
	if (content !== null && content !== "") pieces.push(new Map([["content", content]]));
	if (Array.isArray(calls) && calls.length > 0) pieces.push(new Map([["tool_calls", indexed(calls)]]));
	const [first, ...rest] = pieces;
	const role = message.get("role") ?? "assistant";
	const empty: JsonValue = content === "" ? "" : null;
	return [new Map<string, JsonValue>([["role", role], ["content", empty], ...(first ?? [])]), ...rest];
}

/** The engine's index is the position in the tools list; a client joins the pieces of a call by it. */
function indexed(calls: readonly JsonValue[]): JsonValue {
	return calls.map((call, index) =>
		call instanceof Map ? new Map([...call, ["index", new JsonNumber(String(index))]]) : call,
	);
}
