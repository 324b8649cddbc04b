// The loose comparison of tool-call arguments: equal as JSON documents with exact decimals.
import { parseJson } from "../../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../json/value.js";
import { isBlankArguments, MAX_ARGUMENTS_DEPTH } from "../../tito/call-arguments.js";

const MAX_EXPONENT_DIGITS = 1000;

/**
 * Equal when both sides normalise to the same JSON object, else by typed raw equality.
 * Null and `""` mean the empty object; a string must parse to an object without duplicate keys.
 */
export function argumentsEqual(a: JsonValue, b: JsonValue): boolean {
	const left = normalise(a);
	const right = normalise(b);
	if (left === null || right === null) return typedEqual(a, b);
	return typedEqual(left, right);
}

function normalise(value: JsonValue): JsonObject | null {
	if (value === null || value === "") return new Map();
	if (value instanceof Map) return value;
	if (typeof value !== "string") return null;
	try {
		const parsed = parseJson(value, { maxDepth: MAX_ARGUMENTS_DEPTH, refuseDuplicateKeys: true });
		return parsed instanceof Map ? parsed : null;
	} catch {
		// Not JSON, too deep, or a key stands twice: the caller compares the spellings instead.
		return null;
	}
}

/**
 * A call's arguments as a JSON value, of any kind; the last of a key's values counts, as in Python and JavaScript. Blank
 * ones are the empty object, as they are in a prompt. Undefined for text that does not parse.
 */
export function parsedArguments(value: JsonValue): JsonValue | undefined {
	if (isBlankArguments(value)) return new Map();
	if (typeof value !== "string") return value;
	try {
		return parseJson(value, { maxDepth: MAX_ARGUMENTS_DEPTH });
	} catch {
		return undefined;
	}
}

/** Type-tagged equality: true is not 1, `"1"` is not 1; numbers are exact decimals, object order does not count. */
export function typedEqual(a: JsonValue, b: JsonValue): boolean {
	if (a === b) return true;
	if (a instanceof JsonNumber) return b instanceof JsonNumber && decimalKey(a.text) === decimalKey(b.text);
	if (Array.isArray(a)) {
		return Array.isArray(b) && a.length === b.length && a.every((item, i) => typedEqual(item, b[i] ?? null));
	}
	if (a instanceof Map) {
		if (!(b instanceof Map) || a.size !== b.size) return false;
		for (const [key, value] of a) if (!b.has(key) || !typedEqual(value, b.get(key) ?? null)) return false;
		return true;
	}
	return false;
}

/**
 * One spelling per decimal value, of any size, without ever expanding the exponent:
 * sign, digits without outer zeros, power of ten. `1.0`, `1` and `10e-1` give the same key; so do `0` and `-0`.
 */
export function decimalKey(text: string): string {
	const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
	const [, sign = "", whole = "", fraction = "", exponent = "0"] = match ?? [];
	// An exponent of more digits than any double or decimal has use for stays as it is spelled.
	if (match === null || exponent.length > MAX_EXPONENT_DIGITS) return `?${text}`;
	const all = whole + fraction;
	// By hand: a pattern for trailing zeros takes the square of their number.
	let start = 0;
	while (start < all.length && all[start] === "0") start++;
	if (start === all.length) return "0";
	let end = all.length;
	while (all[end - 1] === "0") end--;
	const significant = all.slice(start, end);
	const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(all.length - end);
	return `${sign}${significant}e${power}`;
}
