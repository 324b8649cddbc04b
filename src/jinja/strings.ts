// Python's string methods, as templates call them. Pure; units are code points where Python counts.
import { argument, intArgument, textArgument } from "./arguments.js";
import { str } from "./spelling.js";
import {
	type CallArguments,
	codePoints,
	isList,
	iterate,
	TemplateError,
	tuple,
	typeName,
	type Value,
} from "./values.js";

/** What Python calls whitespace: U+FEFF is not, U+0085 and the ASCII separators are. */
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING_SPACE = new RegExp(`^${SPACE}+`);
const ONE_SPACE = new RegExp(SPACE);
const SPACES = new RegExp(`${SPACE}+`);

type Side = "both" | "left" | "right";

/** `strip`, `lstrip`, `rstrip`: of a set of characters, or of whitespace. */
export function strip(text: string, characters: string | null, side: Side): string {
	const points = Array.from(text);
	const set = characters === null ? null : new Set(characters);
	const drops = (point: string | undefined) =>
		point !== undefined && (set === null ? ONE_SPACE.test(point) : set.has(point));
	let start = 0;
	let end = text.length;
	let [first, last] = [0, points.length - 1];
	if (side !== "right") while (drops(points[first])) start += points[first++]?.length ?? 0;
	if (side !== "left") while (last >= first && drops(points[last])) end -= points[last--]?.length ?? 0;
	return text.slice(start, end);
}

function stripMethod(side: Side) {
	return (text: string, args: CallArguments): Value => {
		const characters = argument(args, 0, "chars");
		return strip(
			text,
			characters === undefined || characters === null ? null : textArgument(characters),
			side,
		);
	};
}

function split(text: string, args: CallArguments): Value {
	const separator = argument(args, 0, "sep") ?? null;
	const most = intArgument(argument(args, 1, "maxsplit"), -1);
	if (separator === null) return splitSpaces(text, most);
	const parts = text.split(separatorText(separator));
	if (most >= 0 && parts.length > most + 1) parts.push(parts.splice(most).join(textArgument(separator)));
	return parts;
}

function separatorText(value: Value): string {
	const separator = textArgument(value);
	if (separator === "") throw new TemplateError("empty separator");
	return separator;
}

function splitSpaces(text: string, most: number): string[] {
	const parts: string[] = [];
	let rest = text.replace(LEADING_SPACE, "");
	while (rest !== "") {
		const gap = most >= 0 && parts.length >= most ? null : SPACES.exec(rest);
		parts.push(gap === null ? rest : rest.slice(0, gap.index));
		rest = gap === null ? "" : rest.slice(gap.index + gap[0].length);
	}
	return parts;
}

function rsplit(text: string, args: CallArguments): Value {
	const most = intArgument(argument(args, 1, "maxsplit"), -1);
	if (most < 0) return split(text, args);
	const separator = separatorText(argument(args, 0, "sep") ?? null);
	const parts = text.split(separator);
	const kept = Math.max(0, parts.length - most);
	return kept === 0 ? parts : [parts.slice(0, kept).join(separator), ...parts.slice(kept)];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: Python breaks lines at the ASCII separators too.
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

export function splitLines(text: string, keepEnds: boolean): string[] {
	const lines: string[] = [];
	let at = 0;
	for (const end of text.matchAll(LINE_END)) {
		lines.push(text.slice(at, end.index + (keepEnds ? end[0].length : 0)));
		at = end.index + end[0].length;
	}
	if (at < text.length) lines.push(text.slice(at));
	return lines;
}

function affixTest(test: (text: string, affix: string) => boolean) {
	return (text: string, args: CallArguments): Value => {
		const affix = argument(args, 0, "prefix") ?? null;
		const [from, to] = [intArgument(args.positional[1], 0), intArgument(args.positional[2], text.length)];
		const part = from === 0 && to === text.length ? text : Array.from(text).slice(from, to).join("");
		if (isList(affix)) return affix.some((item) => test(part, textArgument(item)));
		return test(part, textArgument(affix));
	};
}

/** `replace(old, new, count=-1)`; an empty `old` stands before every code point and at the end. */
export function replaceText(text: string, from: string, to: string, count: number): string {
	const parts = from === "" ? ["", ...text, ""] : text.split(from);
	if (count < 0 || count >= parts.length - 1) return parts.join(to);
	const [changed, kept] = [parts.slice(0, count + 1), parts.slice(count + 1)];
	return changed.join(to) + kept.map((part) => from + part).join("");
}

function find(text: string, args: CallArguments, last: boolean): number {
	const needle = textArgument(argument(args, 0, "sub"));
	const from = intArgument(args.positional[1], 0);
	const at = last ? text.lastIndexOf(needle) : text.indexOf(needle, unitIndex(text, from));
	return at <= 0 ? at : codePoints(text.slice(0, at)).length;
}

function unitIndex(text: string, index: number): number {
	return index <= 0 ? 0 : Array.from(text).slice(0, index).join("").length;
}

function index(text: string, args: CallArguments): Value {
	const at = find(text, args, false);
	if (at === -1) throw new TemplateError("substring not found");
	return at;
}

function partition(text: string, args: CallArguments, last: boolean): Value {
	const separator = separatorText(argument(args, 0, "sep") ?? null);
	const at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
	if (at === -1) return last ? tuple("", "", text) : tuple(text, "", "");
	return tuple(text.slice(0, at), separator, text.slice(at + separator.length));
}

export function capitalize(text: string): string {
	const [first = ""] = text;
	return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

function title(text: string): string {
	return text.replace(/\p{L}+/gu, capitalize);
}

function pad(text: string, args: CallArguments, place: (missing: number) => number): string {
	const missing = intArgument(args.positional[0], 0) - codePoints(text).length;
	const fill = args.positional[1] === undefined ? " " : textArgument(args.positional[1]);
	if (missing <= 0) return text;
	const left = place(missing);
	return fill.repeat(left) + text + fill.repeat(missing - left);
}

/** `"{} {name}".format(...)` without format specs. */
function format(text: string, args: CallArguments): Value {
	let next = 0;
	return text.replace(/\{\{|\}\}|\{(\w*)\}|[{}]/g, (whole, field: string | undefined) => {
		if (whole === "{{" || whole === "}}") return whole.slice(1);
		if (field === undefined) throw new TemplateError("this format string is not supported");
		const key = field === "" ? String(next++) : field;
		const value = /^\d+$/.test(key) ? args.positional[Number(key)] : args.named.get(key);
		if (value === undefined) throw new TemplateError(`format() has no argument '${key}'`);
		return str(value);
	});
}

function join(text: string, args: CallArguments): Value {
	const items = iterate(args.positional[0] ?? null).map((item, at) => {
		if (typeof item === "string") return item;
		throw new TemplateError(`sequence item ${at}: expected str instance, ${typeName(item)} found`);
	});
	return items.join(text);
}

function every(pattern: RegExp) {
	return (text: string): Value => pattern.test(text);
}

type Method = (text: string, args: CallArguments) => Value;

export const STRING_METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
	["strip", stripMethod("both")],
	["lstrip", stripMethod("left")],
	["rstrip", stripMethod("right")],
	["split", split],
	["rsplit", rsplit],
	["splitlines", (text, args) => splitLines(text, argument(args, 0, "keepends") === true)],
	["startswith", affixTest((text, prefix) => text.startsWith(prefix))],
	["endswith", affixTest((text, suffix) => text.endsWith(suffix))],
	[
		"replace",
		(text, args) =>
			replaceText(
				text,
				textArgument(args.positional[0]),
				textArgument(args.positional[1]),
				intArgument(argument(args, 2, "count"), -1),
			),
	],
	["upper", (text) => text.toUpperCase()],
	["lower", (text) => text.toLowerCase()],
	["casefold", (text) => text.toLowerCase()],
	["capitalize", capitalize],
	["title", title],
	["find", (text, args) => find(text, args, false)],
	["rfind", (text, args) => find(text, args, true)],
	["index", index],
	["count", (text, args) => text.split(separatorText(args.positional[0] ?? null)).length - 1],
	["partition", (text, args) => partition(text, args, false)],
	["rpartition", (text, args) => partition(text, args, true)],
	["join", join],
	["format", format],
	["removeprefix", (text, args) => without(text, textArgument(args.positional[0]), true)],
	["removesuffix", (text, args) => without(text, textArgument(args.positional[0]), false)],
	["ljust", (text, args) => pad(text, args, () => 0)],
	["rjust", (text, args) => pad(text, args, (missing) => missing)],
	["zfill", (text, args) => zeroFill(text, intArgument(args.positional[0], 0))],
	["isdigit", every(/^\p{Nd}+$/u)],
	["isdecimal", every(/^\p{Nd}+$/u)],
	["isnumeric", every(/^\p{N}+$/u)],
	["isalpha", every(/^\p{L}+$/u)],
	["isalnum", every(/^[\p{L}\p{N}]+$/u)],
	["isspace", every(new RegExp(`^${SPACE}+$`))],
	["isupper", (text) => text === text.toUpperCase() && text !== text.toLowerCase()],
	["islower", (text) => text === text.toLowerCase() && text !== text.toUpperCase()],
]);

function without(text: string, affix: string, front: boolean): string {
	if (affix === "") return text;
	if (front) return text.startsWith(affix) ? text.slice(affix.length) : text;
	return text.endsWith(affix) ? text.slice(0, -affix.length) : text;
}

function zeroFill(text: string, width: number): string {
	const [sign] = /^[+-]?/.exec(text) ?? [""];
	return sign + text.slice(sign.length).padStart(width - sign.length, "0");
}
