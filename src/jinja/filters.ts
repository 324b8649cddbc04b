// Jinja's filters, `tojson` as transformers defines it. Pure.
import { argument, intArgument, textArgument } from "./arguments.js";
import { getAttribute, getItem } from "./attributes.js";
import { binary, equals, toDouble } from "./operators.js";
import { sortItems } from "./sorting.js";
import { jsonText, PLAIN_JSON, str } from "./spelling.js";
import { capitalize, replaceText, splitLines, strip } from "./strings.js";
import { runTest } from "./tests.js";
import {
	type CallArguments,
	isDict,
	isNumber,
	iterate,
	lengthOf,
	PyFloat,
	TemplateError,
	truthy,
	tuple,
	typeName,
	Undefined,
	type Value,
} from "./values.js";

type Filter = (value: Value, args: CallArguments) => Value;

function tojson(value: Value, args: CallArguments): Value {
	const [itemSeparator, keySeparator] = separators(args);
	const indent = argument(args, 1, "indent") ?? null;
	return jsonText(value, {
		asciiOnly: truthy(argument(args, 0, "ensure_ascii") ?? false),
		indent: indent === null ? null : typeof indent === "string" ? indent : " ".repeat(intArgument(indent, 0)),
		itemSeparator: itemSeparator ?? (indent === null ? PLAIN_JSON.itemSeparator : ","),
		keySeparator: keySeparator ?? PLAIN_JSON.keySeparator,
		sortKeys: truthy(argument(args, 3, "sort_keys") ?? false),
	});
}

function separators(args: CallArguments): [string | undefined, string | undefined] {
	const given = argument(args, 2, "separators") ?? null;
	if (given === null) return [undefined, undefined];
	const [item, key] = iterate(given);
	return [textArgument(item), textArgument(key)];
}

function defaultTo(value: Value, args: CallArguments): Value {
	const replaces = truthy(argument(args, 1, "boolean") ?? false)
		? !truthy(value)
		: value instanceof Undefined;
	return replaces ? (argument(args, 0, "default_value") ?? "") : value;
}

/** `a.b.0` of an item: whole numbers are indexes. */
function attributeOf(value: Value, path: Value): Value {
	if (typeof path === "number") return getItem(value, path);
	let found = value;
	for (const part of textArgument(path).split("."))
		found = /^\d+$/.test(part) ? getItem(found, Number(part)) : getItem(found, part);
	return found;
}

function join(value: Value, args: CallArguments): Value {
	const attribute = argument(args, 1, "attribute") ?? null;
	const items = iterate(value).map((item) => (attribute === null ? item : attributeOf(item, attribute)));
	return items.map(str).join(str(argument(args, 0, "d") ?? ""));
}

function map(value: Value, args: CallArguments): Value {
	const attribute = args.named.get("attribute");
	if (attribute !== undefined) {
		const fallback = args.named.get("default");
		return iterate(value).map((item) => {
			const found = attributeOf(item, attribute);
			return found instanceof Undefined && fallback !== undefined ? fallback : found;
		});
	}
	const [name, ...rest] = args.positional;
	return iterate(value).map((item) =>
		applyFilter(textArgument(name), item, { positional: rest, named: args.named }),
	);
}

/** `select`, `reject`, `selectattr` and `rejectattr`. */
function selection(byAttribute: boolean, keeps: boolean): Filter {
	return (value, args) => {
		const [attribute, rest] = byAttribute
			? [args.positional[0] ?? null, args.positional.slice(1)]
			: [null, args.positional];
		const [name, other] = rest;
		return iterate(value).filter((item) => {
			const subject = byAttribute ? attributeOf(item, attribute) : item;
			const passes =
				name === undefined ? truthy(subject) : runTest(textArgument(name), subject, other ?? null);
			return passes === keeps;
		});
	};
}

function indent(value: Value, args: CallArguments): Value {
	const width = argument(args, 0, "width") ?? 4;
	const padding = typeof width === "string" ? width : " ".repeat(intArgument(width, 4));
	const blank = truthy(argument(args, 2, "blank") ?? false);
	const first = truthy(argument(args, 1, "first") ?? false);
	const text = textArgument(value);
	const lines = splitLines(`${text}\n`, false);
	return lines
		.map((line, at) => ((at === 0 ? first : blank || line !== "") ? padding + line : line))
		.join("\n");
}

function toInt(value: Value, args: CallArguments): Value {
	const fallback = argument(args, 0, "default") ?? 0;
	if (typeof value === "string") {
		const text = strip(value, null, "both");
		if (/^[+-]?\d+$/.test(text)) return binary("+", BigInt(text), 0);
		const number = parseFloatText(text);
		return number === null ? fallback : binary("+", BigInt(Math.trunc(number)), 0);
	}
	if (value instanceof PyFloat) return binary("+", BigInt(Math.trunc(value.value)), 0);
	return isNumber(value) ? binary("+", value, 0) : fallback;
}

function parseFloatText(text: string): number | null {
	return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null;
}

function toFloat(value: Value, args: CallArguments): Value {
	if (isNumber(value)) return new PyFloat(toDouble(value));
	const number = typeof value === "string" ? parseFloatText(strip(value, null, "both")) : null;
	return number === null ? (argument(args, 0, "default") ?? new PyFloat(0)) : new PyFloat(number);
}

function round(value: Value, args: CallArguments): Value {
	if (!isNumber(value)) throw new TemplateError(`type ${typeName(value)} doesn't define __round__ method`);
	const scale = 10 ** intArgument(argument(args, 0, "precision"), 0);
	const method = argument(args, 1, "method") ?? "common";
	const scaled = toDouble(value) * scale;
	if (method === "ceil") return new PyFloat(Math.ceil(scaled) / scale);
	if (method === "floor") return new PyFloat(Math.floor(scaled) / scale);
	const down = Math.floor(scaled);
	const toEven = scaled - down === 0.5 ? down + (down % 2 === 0 ? 0 : 1) : Math.round(scaled);
	return typeof value === "number" ? value : new PyFloat(toEven / scale);
}

function absolute(value: Value): Value {
	if (!isNumber(value)) throw new TemplateError(`bad operand type for abs(): '${typeName(value)}'`);
	return toDouble(value) < 0 ? binary("-", 0, value) : value;
}

function items(value: Value): Value {
	if (value instanceof Undefined) return [];
	if (!isDict(value)) throw new TemplateError("Can only get item pairs from a mapping.");
	return [...value].map(([key, item]) => tuple(key, item));
}

function unique(value: Value): Value {
	const seen: Value[] = [];
	const kept: Value[] = [];
	for (const item of iterate(value)) {
		const key = typeof item === "string" ? item.toLowerCase() : item;
		if (seen.some((other) => equals(other, key))) continue;
		seen.push(key);
		kept.push(item);
	}
	return kept;
}

function extreme(sign: 1 | -1): Filter {
	return (value, args) => {
		const [first] = sortItems(iterate(value), args, sign === -1);
		return first ?? new Undefined("No aggregated item, sequence was empty.");
	};
}

function reverse(value: Value): Value {
	return typeof value === "string" ? [...value].reverse().join("") : [...iterate(value)].reverse();
}

const ESCAPES: Readonly<Record<string, string>> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	"'": "&#39;",
	'"': "&#34;",
};

function escapeHtml(value: Value): Value {
	return str(value).replace(/[&<>'"]/g, (character) => ESCAPES[character] ?? character);
}

function sum(value: Value, args: CallArguments): Value {
	const attribute = argument(args, 0, "attribute") ?? null;
	const start = argument(args, 1, "start") ?? 0;
	return iterate(value).reduce<Value>(
		(total, item) => binary("+", total, attribute === null ? item : attributeOf(item, attribute)),
		start,
	);
}

const length: Filter = (value) => lengthOf(value);
const identity: Filter = (value) => value;

const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
	["tojson", tojson],
	["default", defaultTo],
	["d", defaultTo],
	["length", length],
	["count", length],
	["string", (value) => str(value)],
	["safe", identity],
	["trim", (value, args) => strip(str(value), optionalText(argument(args, 0, "chars")), "both")],
	["upper", (value) => str(value).toUpperCase()],
	["lower", (value) => str(value).toLowerCase()],
	["capitalize", (value) => capitalize(str(value))],
	["title", (value) => str(value).replace(/[^-\s({[<]+/gu, capitalize)],
	[
		"replace",
		(value, args) =>
			replaceText(
				str(value),
				str(argument(args, 0, "old") ?? ""),
				str(argument(args, 1, "new") ?? ""),
				intArgument(argument(args, 2, "count"), -1),
			),
	],
	["indent", indent],
	["join", join],
	["map", map],
	["select", selection(false, true)],
	["reject", selection(false, false)],
	["selectattr", selection(true, true)],
	["rejectattr", selection(true, false)],
	["list", (value) => [...iterate(value)]],
	["first", (value) => iterate(value)[0] ?? new Undefined("No first item, sequence was empty.")],
	["last", (value) => iterate(value).at(-1) ?? new Undefined("No last item, sequence was empty.")],
	["reverse", reverse],
	["unique", unique],
	["sort", (value, args) => sortItems(iterate(value), args, truthy(argument(args, 0, "reverse") ?? false))],
	["dictsort", dictsort],
	["items", items],
	["attr", (value, args) => getAttribute(value, textArgument(args.positional[0]))],
	["int", toInt],
	["float", toFloat],
	["round", round],
	["abs", absolute],
	["sum", sum],
	["min", extreme(1)],
	["max", extreme(-1)],
	["escape", escapeHtml],
	["e", escapeHtml],
]);

function optionalText(value: Value | undefined): string | null {
	return value === undefined || value === null ? null : textArgument(value);
}

function dictsort(value: Value, args: CallArguments): Value {
	if (!isDict(value)) throw new TemplateError(`'${typeName(value)}' object has no attribute 'items'`);
	const byValue = argument(args, 1, "by") === "value";
	const named = new Map<string, Value>([["attribute", byValue ? 1 : 0]]);
	const caseSensitive = argument(args, 0, "case_sensitive");
	if (caseSensitive !== undefined) named.set("case_sensitive", caseSensitive);
	const pairs = [...value].map(([key, item]) => tuple(key, item));
	return sortItems(pairs, { positional: [], named }, truthy(argument(args, 2, "reverse") ?? false));
}

/** @throws TemplateError for an unknown filter or a value it does not take */
export function applyFilter(name: string, value: Value, args: CallArguments): Value {
	const filter = FILTERS.get(name);
	if (filter === undefined) throw new TemplateError(`No filter named '${name}'.`);
	return filter(value, args);
}
