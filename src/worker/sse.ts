// The streamed form of a finished reply: one chunk and [DONE] (reference section 6.10). Pure.
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
	const choice: JsonObject = new Map<string, JsonValue>([
		["index", new JsonNumber("0")],
		["delta", delta(message)],
		["finish_reason", finishReason],
	]);
	const chunk: JsonObject = new Map<string, JsonValue>([
		["id", field("id")],
		["object", "chat.completion.chunk"],
		["created", field("created")],
		["model", field("model")],
		["choices", [choice]],
	]);
	const usage = field("usage");
	if (usage !== null) chunk.set("usage", usage);
	return `data: ${writeJson(chunk)}\n\ndata: [DONE]\n\n`;
}

function delta(message: JsonObject): JsonObject {
	const result: JsonObject = new Map();
	result.set("role", message.get("role") ?? "assistant");
	result.set("content", message.get("content") ?? null);
	const reasoning = message.get("reasoning_content") ?? null;
	if (reasoning !== null) result.set("reasoning_content", reasoning);
	const calls = message.get("tool_calls");
	if (Array.isArray(calls) && calls.length > 0) {
		// The engine's index is the position in the tools list; a client joins the pieces of a call by it.
		result.set(
			"tool_calls",
			calls.map((call, index) =>
				call instanceof Map ? new Map([...call, ["index", new JsonNumber(String(index))]]) : call,
			),
		);
	}
	return result;
}
