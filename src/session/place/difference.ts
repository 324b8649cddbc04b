// Where two messages differ: a JSON path and both values, shortened, for the error that names them. Pure.
import { commonPrefix } from "../../base/common-prefix.js";
import { writeJson } from "../../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../json/value.js";

/** `path` begins below the message (`content`, `tool_calls[0].id`); the values are short texts for people. */
export interface Difference {
	path: string;
	sent: string;
	stored: string;
}

/** Undefined: there is no such field. */
export type Side = JsonValue | undefined;

const SHOWN_CHARACTERS = 48;
/** Of what both values have in common, before the place where they part. */
const COMMON_CHARACTERS = 16;
const PATH_CHARACTERS = 200;

export function difference(path: string, sent: Side, stored: Side): Difference {
	const shown = path.length > PATH_CHARACTERS ? `${path.slice(0, PATH_CHARACTERS)}…` : path;
	if (typeof sent === "string" && typeof stored === "string")
		return { path: shown, ...shortTexts(sent, stored) };
	return { path: shown, sent: short(sent), stored: short(stored) };
}

/** `"Paris" sent, "paris" stored` */
export function valuesText({ sent, stored }: Difference): string {
	return `${sent} sent, ${stored} stored`;
}

/**
 * The first place at which two values that differ do, or null when no single place tells them apart.
 * @param same whether two values count as one
 */
export function differingPlace(
	path: string,
	sent: Side,
	stored: Side,
	same: (sent: JsonValue, stored: JsonValue) => boolean,
): Difference | null {
	if (sent === undefined || stored === undefined) {
		return sent === stored ? null : difference(path, sent, stored);
	}
	if (Array.isArray(sent) && Array.isArray(stored)) {
		if (sent.length !== stored.length) return difference(path, sent, stored);
		for (const [at, item] of sent.entries()) {
			const found = differingPlace(`${path}[${at}]`, item, stored[at], same);
			if (found !== null) return found;
		}
		return null;
	}
	if (sent instanceof Map && stored instanceof Map) {
		for (const key of new Set([...sent.keys(), ...stored.keys()])) {
			const found = differingPlace(memberPath(path, key), sent.get(key), stored.get(key), same);
			if (found !== null) return found;
		}
		return null;
	}
	return same(sent, stored) ? null : difference(path, sent, stored);
}

function memberPath(path: string, key: string): string {
	return /^[A-Za-z_]\w*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}

function shortTexts(sent: string, stored: string): { sent: string; stored: string } {
	if (sent.length <= SHOWN_CHARACTERS && stored.length <= SHOWN_CHARACTERS) {
		return { sent: JSON.stringify(sent), stored: JSON.stringify(stored) };
	}
	const common = commonPrefix(Buffer.from(sent, "utf16le"), Buffer.from(stored, "utf16le")) >> 1;
	const from = Math.max(0, common - COMMON_CHARACTERS);
	return { sent: excerpt(sent, from), stored: excerpt(stored, from) };
}

function excerpt(text: string, from: number): string {
	const end = from + SHOWN_CHARACTERS;
	return JSON.stringify(`${from > 0 ? "…" : ""}${text.slice(from, end)}${end < text.length ? "…" : ""}`);
}

function short(value: Side): string {
	if (value === undefined) return "nothing";
	if (typeof value === "string") return excerpt(value, 0);
	if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
	if (value instanceof Map) return describeObject(value);
	const text = value instanceof JsonNumber ? value.text : String(value);
	return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function describeObject(value: JsonObject): string {
	if (value.size > 3) return `an object of ${value.size} fields`;
	const text = writeJson(value);
	return text.length > SHOWN_CHARACTERS ? `an object of ${value.size} fields` : text;
}
