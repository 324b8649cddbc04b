// Messages in the form a template expects: assistant content is text, tool arguments are parsed. Never edits its input.
import { RollpinError } from "../base/errors.js";
import { JsonSyntaxError, parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";

/** As in a recursion-limited Python parser, far beyond any tool's arguments. */
export const MAX_ARGUMENTS_DEPTH = 200;

/** @throws RollpinError `invalid_messages` naming the message whose tool arguments are not JSON */
export function normaliseMessage(message: JsonObject, where: string): JsonObject {
	if (message.get("role") !== "assistant") return message;
	const normal: JsonObject = new Map(message);
	if ((message.get("content") ?? null) === null) normal.set("content", "");
	const calls = message.get("tool_calls");
	if (Array.isArray(calls)) normal.set("tool_calls", normaliseToolCalls(calls, where));
	return normal;
}

/** Tool calls with their string arguments parsed. @throws RollpinError `invalid_messages` */
function normaliseToolCalls(calls: readonly JsonValue[], where: string): JsonValue[] {
	return withArguments(calls, (text, index) =>
		parseArguments(text, `${where}.tool_calls[${index}].function.arguments`),
	);
}

/**
 * Tool calls of a stored message, for a rendering that is cut off again. Arguments that are not JSON become an empty
 * object there: a model may well sample such, and its session must go on.
 */
export function stubToolCalls(calls: readonly JsonValue[]): JsonValue[] {
	return withArguments(calls, (text) => {
		try {
			return parseArguments(text, "");
		} catch (error) {
			if (error instanceof RollpinError) return new Map();
			throw error;
		}
	});
}

function withArguments(
	calls: readonly JsonValue[],
	parse: (text: string, index: number) => JsonValue,
): JsonValue[] {
	return calls.map((call, index) => {
		const called = call instanceof Map ? call.get("function") : undefined;
		if (!(call instanceof Map) || !(called instanceof Map)) return call;
		const args = called.get("arguments");
		if (typeof args !== "string") return call;
		return new Map(call).set("function", new Map(called).set("arguments", parse(args, index)));
	});
}

function parseArguments(text: string, param: string): JsonValue {
	try {
		return parseJson(text, { maxDepth: MAX_ARGUMENTS_DEPTH });
	} catch (error) {
		if (!(error instanceof JsonSyntaxError)) throw error;
		throw new RollpinError(
			"invalid_messages",
			`${param} is not JSON (${error.message}); the chat template needs it parsed: send a JSON object as text`,
			{ param, cause: error },
		);
	}
}
