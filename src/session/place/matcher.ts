// Message equivalence by the reference server's rules, key by key: is an incoming message the stored one? Pure; never mutates.
import { JsonNumber, type JsonObject, type JsonValue } from "../../json/value.js";
import { blankAsEmpty } from "../../tito/message-texts.js";
import { type StoredMessage, storedValue } from "../path/path-state.js";
import { argumentsEqual, parsedArguments, typedEqual } from "../path/tool-arguments.js";
import { type Difference, difference, differingPlace } from "./difference.js";

export type ReferenceMatcherName = "strict" | "loose_tool_call" | "role_content_only";

/** One rule of what counts as the same message. Never throws. */
export interface MessageMatcher {
	/** Whether `incoming` is the stored message. */
	matches(stored: StoredMessage, incoming: JsonObject): boolean;
	/** Where two messages that do not match differ. */
	difference(stored: StoredMessage, incoming: JsonObject): Difference;
}

/** Longer integers are larger than every double. */
const MAX_DOUBLE_DIGITS = 320;
const COMPARED_KEYS = ["role", "content", "reasoning_content"] as const;

export function referenceMatcher(name: ReferenceMatcherName): MessageMatcher {
	const same = sameByReference(name);
	return {
		matches: (stored, incoming) => same(storedValue(stored), incoming),
		difference: (stored, incoming) => strictDifference(storedValue(stored), incoming),
	};
}

/** The rule of that name. strict implies loose_tool_call implies role_content_only. */
export function sameByReference(name: ReferenceMatcherName): (a: JsonObject, b: JsonObject) => boolean {
	if (name === "strict") return strictMatch;
	if (name === "loose_tool_call") return (a, b) => strictMatch(a, b) || looseMatch(a, b);
	return (a, b) => sameField(a, b, "role") && sameField(a, b, "content");
}

function strictDifference(stored: JsonObject, incoming: JsonObject): Difference {
	const key = differingKey(stored, incoming);
	if (key === null) return difference("", incoming, stored);
	if (key === "tool_calls") {
		const [sent, own] = [readable(incoming.get(key)), readable(stored.get(key))];
		const found = differingPlace(key, sent, own, pythonEqual);
		// Null when only the arguments' spelling differs.
		return (
			found ??
			differingPlace(key, incoming.get(key), stored.get(key), pythonEqual) ??
			difference(key, sent, own)
		);
	}
	return (
		differingPlace(key, incoming.get(key), stored.get(key), pythonEqual) ??
		difference(key, incoming.get(key), stored.get(key))
	);
}

/** Calls without what is not compared, their arguments as values, so that a difference is named in them. */
function readable(calls: JsonValue | undefined): JsonValue {
	if (!Array.isArray(calls)) return calls ?? null;
	return calls.map((call) => {
		if (!(call instanceof Map)) return call;
		const copy = withoutIndex(call);
		const called = copy.get("function");
		const args = called instanceof Map ? (called.get("arguments") ?? null) : null;
		const value = typeof args === "string" && args !== "" ? parsedArguments(args) : undefined;
		if (!(called instanceof Map) || value === undefined) return copy;
		return new Map(copy).set("function", new Map(called).set("arguments", value));
	});
}

/** The first key in which two messages differ under the strict rule. */
function differingKey(stored: JsonObject, incoming: JsonObject): string | null {
	for (const key of COMPARED_KEYS) if (!sameField(stored, incoming, key)) return key;
	return sameToolCalls(stored, incoming) ? null : "tool_calls";
}

function strictMatch(a: JsonObject, b: JsonObject): boolean {
	return differingKey(a, b) === null;
}

function looseMatch(a: JsonObject, b: JsonObject): boolean {
	for (const key of COMPARED_KEYS) if (!sameField(a, b, key)) return false;
	const left = blankAsEmpty(a.get("tool_calls"));
	const right = blankAsEmpty(b.get("tool_calls"));
	if (!Array.isArray(left) || !Array.isArray(right)) return typedEqual(left, right);
	return left.length === right.length && left.every((call, i) => looseCall(call, right[i] ?? null));
}

function looseCall(a: JsonValue, b: JsonValue): boolean {
	if (!(a instanceof Map) || !(b instanceof Map)) return typedEqual(a, b);
	const left = withoutIndex(a);
	const right = withoutIndex(b);
	if (!sameKeys(left, right)) return false;
	for (const [key, value] of left) {
		const other = right.get(key) ?? null;
		if (key === "function" ? !looseFunction(value, other) : !pythonEqual(value, other)) return false;
	}
	return true;
}

function looseFunction(a: JsonValue, b: JsonValue): boolean {
	if (!(a instanceof Map) || !(b instanceof Map)) return typedEqual(a, b);
	if (!sameKeys(a, b)) return false;
	for (const [key, value] of a) {
		const other = b.get(key) ?? null;
		if (key === "arguments" ? !argumentsEqual(value, other) : !pythonEqual(value, other)) return false;
	}
	return true;
}

function sameKeys(a: JsonObject, b: JsonObject): boolean {
	if (a.size !== b.size) return false;
	for (const key of a.keys()) if (!b.has(key)) return false;
	return true;
}

function sameField(a: JsonObject, b: JsonObject, key: string): boolean {
	return pythonEqual(blankAsEmpty(a.get(key)), blankAsEmpty(b.get(key)));
}

function sameToolCalls(a: JsonObject, b: JsonObject): boolean {
	const left = blankAsEmpty(a.get("tool_calls"));
	const right = blankAsEmpty(b.get("tool_calls"));
	if (!Array.isArray(left) || !Array.isArray(right)) return pythonEqual(left, right);
	return pythonEqual(left.map(withoutIndexValue), right.map(withoutIndexValue));
}

/** The engine's `index` is a position in the tools list, a client's is a position in the calls. */
function withoutIndex(call: JsonObject): JsonObject {
	if (!call.has("index")) return call;
	const copy = new Map(call);
	copy.delete("index");
	return copy;
}

function withoutIndexValue(call: JsonValue): JsonValue {
	return call instanceof Map ? withoutIndex(call) : call;
}

/** Python's `==` on parsed JSON: 1, 1.0 and true are equal, key order does not count. */
function pythonEqual(a: JsonValue, b: JsonValue): boolean {
	if (a === b) return true;
	if (a === null || b === null) return false;
	if (isNumeric(a) && isNumeric(b)) return pythonNumberEqual(a, b);
	if (Array.isArray(a)) {
		return Array.isArray(b) && a.length === b.length && a.every((item, i) => pythonEqual(item, b[i] ?? null));
	}
	if (a instanceof Map) {
		if (!(b instanceof Map) || !sameKeys(a, b)) return false;
		for (const [key, value] of a) if (!pythonEqual(value, b.get(key) ?? null)) return false;
		return true;
	}
	return false;
}

function isNumeric(value: JsonValue): value is JsonNumber | boolean {
	return value instanceof JsonNumber || typeof value === "boolean";
}

function pythonNumberEqual(a: JsonNumber | boolean, b: JsonNumber | boolean): boolean {
	const left = integerText(a);
	const right = integerText(b);
	if (left !== null && right !== null) return left === right;
	// One side is a Python float: the comparison of an int with a float is exact in Python.
	if (left !== null) return isExactly(left, b as JsonNumber);
	if (right !== null) return isExactly(right, a as JsonNumber);
	return (a as JsonNumber).value === (b as JsonNumber).value;
}

/** The one spelling of an integer (JSON has no leading zeros; `-0` is 0), null for a float. */
function integerText(value: JsonNumber | boolean): string | null {
	if (typeof value === "boolean") return value ? "1" : "0";
	if (!value.isInteger) return null;
	return value.text === "-0" ? "0" : value.text;
}

function isExactly(integer: string, float: JsonNumber): boolean {
	if (integer.length > MAX_DOUBLE_DIGITS || !Number.isInteger(float.value)) return false;
	return BigInt(integer) === BigInt(float.value);
}
