// Tool-call arguments of history as the engine reads them: one JSON object, whatever it was sent as. Pure.
import { RollpinError } from "../base/errors.js";
import { JsonSyntaxError, parseJson } from "../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../json/value.js";
import { doubleText } from "./jinja/spelling.js";

/** As in a recursion-limited Python parser, far beyond any tool's arguments. */
const MAX_DEPTH = 200;

/** What becomes of arguments that are no JSON object. */
export type OddArguments =
	/** A 400, as the engine's own. */
	| "refuse"
	/** As if there were none: a model may sample anything, and its session and its report must go on. */
	| "empty"
	/** Text that is not JSON stays text, for a format that shows it and reads its own arguments; the rest is refused. */
	| "text";

/** Orjson's integers; it reads a longer one as a float (https://github.com/ijl/orjson, "int"). */
const LEAST = -(2n ** 63n);
const MOST = 2n ** 64n - 1n;
/** Shorter ones are certainly in that range. */
const CERTAIN_DIGITS = 18;

/** @throws RollpinError `invalid_messages` naming the arguments, when `odd` says so */
export function readArguments(given: JsonValue | undefined, param: string, odd: OddArguments): JsonValue {
	if (isBlank(given)) return new Map();
	try {
		const parsed = typeof given === "string" ? parsedText(given, param, odd) : given;
		if (typeof parsed === "string") return parsed;
		const byOrjson = typeof given === "string" && odd !== "text";
		if (parsed instanceof Map) return asEngineReads(parsed, param, byOrjson) as JsonObject;
		throw refused(param, "is not a JSON object; send the parameters by name");
	} catch (error) {
		if (odd === "empty" && error instanceof RollpinError) return new Map();
		throw error;
	}
}

/** Models call tools without parameters with no text at all, or with null. */
function isBlank(given: JsonValue | undefined): given is undefined | null | string {
	return given === undefined || given === null || (typeof given === "string" && /^[ \t\r\n]*$/.test(given));
}

function parsedText(given: string, param: string, odd: OddArguments): JsonValue {
	let parsed: JsonValue;
	try {
		parsed = parseJson(given, { maxDepth: MAX_DEPTH });
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

/** @param byOrjson the engine reads the argument text with it; other numbers it reads exactly */
function asEngineReads(value: JsonValue, param: string, byOrjson: boolean): JsonValue {
	if (value instanceof JsonNumber) {
		if (!value.isInteger) {
			if (Number.isFinite(value.value)) return value;
			throw refused(param, `holds ${shortened(value.text)}, more than a double can hold; send it as text`);
		}
		if (!byOrjson || value.text.length <= CERTAIN_DIGITS) return value;
		if (!Number.isFinite(value.value))
			throw refused(param, `holds ${shortened(value.text)}, more than a double can hold; send it as text`);
		const exact = BigInt(value.text);
		return exact >= LEAST && exact <= MOST ? value : new JsonNumber(doubleText(value.value));
	}
	if (Array.isArray(value)) return value.map((item) => asEngineReads(item, param, byOrjson));
	if (!(value instanceof Map)) return value;
	return new Map([...value].map(([key, item]) => [key, asEngineReads(item, param, byOrjson)]));
}

function shortened(text: string): string {
	return text.length <= 24 ? text : `${text.slice(0, 20)}...`;
}

function refused(param: string, what: string, cause?: unknown): RollpinError {
	return new RollpinError("invalid_messages", `${param} ${what}`, { param, cause });
}
