// How Python spells values: str(), repr() and json.dumps(). Text only; never changes a value.
import {
	Attributes,
	type Dict,
	isDict,
	isList,
	Namespace,
	PyFloat,
	TemplateError,
	Tuple,
	typeName,
	Undefined,
	type Value,
} from "./values.js";

/** Python's `repr(float)`: shortest digits that round-trip, exponent from 1e16 up and below 1e-4, two digits of it. */
export function doubleText(value: number): string {
	if (Number.isNaN(value)) return "nan";
	if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
	const sign = value < 0 || Object.is(value, -0) ? "-" : "";
	const [mantissa = "0", power = "0"] = Math.abs(value).toExponential().split("e");
	const exponent = Number(power);
	const digits = mantissa.replace(".", "");
	if (exponent < -4 || exponent >= 16) {
		const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
		const places = String(Math.abs(exponent)).padStart(2, "0");
		return `${sign}${digits[0]}${fraction}e${exponent < 0 ? "-" : "+"}${places}`;
	}
	if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
	const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
	return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** `str(value)`, which is also what `{{ value }}` prints. */
export function str(value: Value): string {
	if (typeof value === "string") return value;
	if (value instanceof Undefined) return "";
	return repr(value);
}

export function repr(value: Value): string {
	if (value === null) return "None";
	if (typeof value === "boolean") return value ? "True" : "False";
	if (typeof value === "number" || typeof value === "bigint") return String(value);
	if (typeof value === "string") return stringRepr(value);
	if (value instanceof PyFloat) return doubleText(value.value);
	if (value instanceof Undefined) return "Undefined";
	if (value instanceof Tuple) {
		const items = value.map(repr);
		return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
	}
	if (isList(value)) return `[${value.map(repr).join(", ")}]`;
	if (isDict(value)) return `{${[...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(", ")}}`;
	if (value instanceof Namespace) return `<Namespace ${repr(new Map(value.attributes))}>`;
	if (value instanceof Attributes) return `<${value.name}>`;
	return "<function>";
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Categories that Python's `str.isprintable` refuses, the space itself excepted. */
const UNPRINTABLE = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Zs}]/gu;

function stringRepr(text: string): string {
	const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
	const escaped = text.replace(UNPRINTABLE, (character) => {
		if (character === " ") return character;
		return ESCAPES[character] ?? codeEscape(character.codePointAt(0) ?? 0);
	});
	return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}

function codeEscape(code: number): string {
	const hex = code.toString(16);
	if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
	return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

export interface JsonStyle {
	asciiOnly: boolean;
	/** Text put once per level at the start of a line; null keeps everything on one line. */
	indent: string | null;
	itemSeparator: string;
	keySeparator: string;
	sortKeys: boolean;
}

/** What transformers' `tojson` uses when called without arguments. */
export const PLAIN_JSON: JsonStyle = {
	asciiOnly: false,
	indent: null,
	itemSeparator: ", ",
	keySeparator: ": ",
	sortKeys: false,
};

/** `json.dumps(value)`. @throws TemplateError for what JSON has no form for */
export function jsonText(value: Value, style: JsonStyle = PLAIN_JSON, depth = 0): string {
	if (value === null) return "null";
	if (typeof value === "boolean" || typeof value === "number" || typeof value === "bigint")
		return String(value);
	if (typeof value === "string") return jsonString(value, style.asciiOnly);
	if (value instanceof PyFloat) return jsonFloat(value.value);
	if (isList(value))
		return group(
			"[]",
			value.map((item) => jsonText(item, style, depth + 1)),
			style,
			depth,
		);
	if (isDict(value)) return group("{}", jsonMembers(value, style, depth + 1), style, depth);
	throw new TemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
}

function jsonMembers(dict: Dict, style: JsonStyle, depth: number): string[] {
	const members = [...dict];
	if (style.sortKeys) members.sort(([a], [b]) => compareText(String(a), String(b)));
	return members.map(([key, item]) => {
		const name = typeof key === "string" ? key : jsonText(key);
		return jsonString(name, style.asciiOnly) + style.keySeparator + jsonText(item, style, depth);
	});
}

function group(brackets: string, items: readonly string[], style: JsonStyle, depth: number): string {
	const [open, close] = [brackets.slice(0, 1), brackets.slice(1)];
	if (items.length === 0) return brackets;
	if (style.indent === null) return open + items.join(style.itemSeparator) + close;
	const inner = `\n${style.indent.repeat(depth + 1)}`;
	return `${open}${inner}${items.join(style.itemSeparator + inner)}\n${style.indent.repeat(depth)}${close}`;
}

function jsonFloat(value: number): string {
	if (Number.isNaN(value)) return "NaN";
	if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
	return doubleText(value);
}

const NOT_ASCII = /[^\x20-\x7e]/g;
const ESCAPED_SURROGATE = /\\u(d[89a-f][0-9a-f]{2})/g;

const LONE_SURROGATE = /\p{Cs}/u;

/** Unlike JSON.stringify, Python leaves lone surrogates as they are unless ASCII is asked for. */
function jsonString(text: string, asciiOnly: boolean): string {
	const quoted = JSON.stringify(text);
	if (asciiOnly)
		return quoted.replace(NOT_ASCII, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
	if (!LONE_SURROGATE.test(text)) return quoted;
	return quoted.replace(ESCAPED_SURROGATE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Order of code points, as Python compares strings. */
export function compareText(a: string, b: string): number {
	if (a === b) return 0;
	for (let at = 0; ; ) {
		const [left, right] = [a.codePointAt(at), b.codePointAt(at)];
		if (left === undefined) return -1;
		if (right === undefined) return 1;
		if (left !== right) return left < right ? -1 : 1;
		at += left > 0xffff ? 2 : 1;
	}
}
