// Tool-call arguments of history as the engine reads them: one JSON object, whatever it was sent as. Pure.
import { RollpinError } from "../base/errors.js";
import { JsonSyntaxError, parseJson } from "../json/parse.js";
import { JsonNumber, type JsonValue } from "../json/value.js";
import { asEngineReads, numberAsEngineReads } from "./engine-numbers.js";

/** As in a recursion-limited Python parser, far beyond any tool's arguments. */
export const MAX_ARGUMENTS_DEPTH = 200;

/** What becomes of arguments that are no JSON object. */
export type OddArguments =
	/** A 400, as the engine's own. */
	| "refuse"
	/** As if there were none: a model may sample anything, and its session and its report must go on. */
	| "empty"
	/** Text that is not JSON stays text, for a format that shows it and reads its own arguments; the rest is refused. */
	| "text";

/** @throws RollpinError `invalid_messages` naming the arguments, when `odd` says so */
export function readArguments(given: JsonValue | undefined, param: string, odd: OddArguments): JsonValue {
	if (given === undefined || isBlankArguments(given)) return new Map();
	try {
		const parsed = typeof given === "string" ? parsedText(given, param, odd) : given;
		if (typeof parsed === "string") return parsed;
		// A format that reads its own arguments reads their text exactly; what is an object in the request is not text.
		const exact = typeof given === "string" && odd === "text";
		if (parsed instanceof Map)
			return exact ? refuseInfinite(parsed, param) : asEngineReads(parsed, (what) => refused(param, what));
		throw refused(param, "is not a JSON object; send the parameters by name");
	} catch (error) {
		if (odd === "empty" && error instanceof RollpinError) return new Map();
		throw error;
	}
}

/**
 * Whether arguments are the empty object: models call tools without parameters with no text at all, or with null. White
 * space is JSON's alone: other spaces are text that is not JSON.
 */
export function isBlankArguments(given: JsonValue | undefined): boolean {
	return given === undefined || given === null || (typeof given === "string" && /^[ \t\r\n]*$/.test(given));
}

function parsedText(given: string, param: string, odd: OddArguments): JsonValue {
	let parsed: JsonValue;
	try {
		parsed = parseJson(given, { maxDepth: MAX_ARGUMENTS_DEPTH });
	} catch (error) {
		if (!(error instanceof JsonSyntaxError)) throw error;
		if (odd === "text") return given;
		throw refused(
			param,
			`is not JSON (${error.message}); the chat template needs it parsed: send a JSON object as text`,
			error,
		);
	}
	if (parsed instanceof Map) return parsed;
	throw refused(param, "is not a JSON object; send the parameters by name");
}

/** Exact integers stay, as a reader that is not orjson leaves them. */
function refuseInfinite(value: JsonValue, param: string): JsonValue {
	if (value instanceof JsonNumber) {
		if (!value.isInteger) numberAsEngineReads(value, (what) => refused(param, what));
	} else if (Array.isArray(value)) for (const item of value) refuseInfinite(item, param);
	else if (value instanceof Map) for (const item of value.values()) refuseInfinite(item, param);
	return value;
}

function refused(param: string, what: string, cause?: unknown): RollpinError {
	return new RollpinError("invalid_messages", `${param} ${what}`, { param, cause });
}
