// The small messages that templates are probed with, and the marks that are looked for in what they render. Renders nothing.
import type { JsonObject, JsonValue } from "../json/value.js";

/** What SGLang joins texts with for a template that reads no lists (`process_content_for_template_format`). */
export const JOINED_WITH = " ";
/** Not what a template trims, strips or looks for. */
export const FIRST = "probeqa";
export const SECOND = "probeqb";
/** Name of the called tool. */
export const CALLED = "probeqrun";
export const CALL_ID = "probeqid";

export function spoken(role: string, content: JsonValue): JsonObject {
	return new Map([
		["role", role],
		["content", content],
	]);
}

export function user(content: string): JsonObject {
	return spoken("user", content);
}

/** An assistant's message that has these calls. */
export function callMessage(...calls: JsonObject[]): JsonObject {
	return spoken("assistant", "").set("tool_calls", calls);
}

/** A tool's result for the call with that id. */
export function result(content: string, id = CALL_ID): JsonObject {
	return spoken("tool", content).set("tool_call_id", id);
}

export function textPart(text: string): JsonObject {
	return new Map([
		["type", "text"],
		["text", text],
	]);
}

export function call(args: JsonObject = new Map(), id = CALL_ID): JsonObject {
	const called: JsonObject = new Map<string, JsonValue>([
		["name", CALLED],
		["arguments", args],
	]);
	return new Map<string, JsonValue>([
		["id", id],
		["type", "function"],
		["function", called],
	]);
}
