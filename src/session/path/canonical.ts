// Canonical forms of messages: what is left of a message when everything is taken off that cannot make another prompt. Pure.
import { createHash } from "node:crypto";
import { writeJson } from "../../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../json/value.js";
import {
	ANSWER_TEXTS,
	blankAsEmpty,
	type ContentTexts,
	PROMPT_TEXTS,
	REASONING_FIELDS,
	reasoningTexts,
	textsOf,
} from "../../tito/message-texts.js";
import { parsedArguments } from "./tool-arguments.js";

/** What the prompt format makes of messages; `Tito` has it. */
export interface ShownMessages {
	/** @param calling the message has tool calls */
	partSeparator(role: string, calling: boolean): string;
	shows(role: string, field: string): boolean;
}

/** Of a message that stood in a prompt: equal forms are the same text to the model. A short text. */
export type PromptForm = string;

/** Of an answer: what another spelling of it must have in common with it. Every text is a short key of it. */
export interface AnswerForm {
	role: string;
	/** Keys of the content without white space at its ends: more than one when its parts may be joined in several ways. */
	content: readonly string[];
	/** Keys of every reasoning it brings, without white space at the ends; none when it brings none. */
	reasoning: readonly string[];
	calls: ReadonlyArray<{ id: string | null; name: string; arguments: string }>;
	/** What says something beside the content: see `CARRIED`. */
	carried: string;
}

/** Fields that carry what the model said elsewhere; one that has a value is another answer, not another spelling. */
export const CARRIED = ["refusal", "function_call", "audio"] as const;
/** Other fields under which clients send reasoning; any of them is the answer's own reasoning or another answer. */
export const REASONING: ReadonlySet<string> = new Set(REASONING_FIELDS);
const COMPARED = new Set<string>(["role", "content", "tool_calls", ...CARRIED, ...REASONING]);
/** Longer texts are kept as their hash. */
const KEY_LENGTH = 64;

export function answerForm(message: JsonObject, shown: ShownMessages): AnswerForm {
	const role = roleOf(message);
	const texts = textsOf(message.get("content"), ANSWER_TEXTS, true);
	return {
		role,
		content: joined(texts, separatorOf(message, shown)).map((text) => keyOf(trimmed(text))),
		reasoning: reasoningTexts(message, texts)
			.map(({ text }) => (text === null ? "?" : keyOf(trimmed(text))))
			.filter((key) => key !== EMPTY),
		calls: callsOf(message).map((call) => {
			const called = functionOf(call);
			return {
				id: idOf(call),
				name: keyOf(nameOf(called)),
				arguments: keyOf(argumentsKey(called.get("arguments") ?? null)),
			};
		}),
		carried: keyOf(carriedText(message)),
	};
}

export function promptForm(message: JsonObject, shown: ShownMessages): PromptForm {
	const role = roleOf(message);
	const texts = textsOf(message.get("content"), PROMPT_TEXTS, role === "assistant");
	const form: JsonValue[] = [role, promptContent(message, shown), carriedText(message)];
	if (REASONING_FIELDS.some((name) => shown.shows(role, name))) {
		const all = reasoningTexts(message, texts).map(({ text, raw }) => text ?? writeJson(raw));
		form.push([...new Set(all.filter((text) => text !== ""))]);
	}
	form.push(callsOf(message).map((call) => promptCall(call, role, shown)));
	form.push(shownFields(message, COMPARED, (field) => shown.shows(role, field)));
	return keyOf(writeJson(form));
}

/** Whether a message sent again is the stored answer. */
export function sameAnswer(stored: AnswerForm, incoming: AnswerForm): boolean {
	return (
		stored.role === incoming.role &&
		sameContent(stored, incoming) &&
		sameReasoning(stored, incoming) &&
		stored.carried === incoming.carried &&
		stored.calls.length === incoming.calls.length &&
		stored.calls.every((call, at) => sameCall(call, incoming.calls[at]))
	);
}

export function sameContent(stored: AnswerForm, incoming: AnswerForm): boolean {
	return incoming.content.some((key) => stored.content.includes(key));
}

/** Reasoning that is absent is fine: its ids are stored. */
function sameReasoning(stored: AnswerForm, incoming: AnswerForm): boolean {
	return incoming.reasoning.every((key) => stored.reasoning.includes(key));
}

function sameCall(
	stored: AnswerForm["calls"][number],
	incoming: AnswerForm["calls"][number] | undefined,
): boolean {
	return (
		incoming !== undefined &&
		stored.name === incoming.name &&
		stored.arguments === incoming.arguments &&
		(stored.id === null || incoming.id === null || stored.id === incoming.id)
	);
}

/** About what a form takes in memory, in bytes. */
export function formBytes(form: PromptForm | AnswerForm): number {
	if (typeof form === "string") return FORM_BYTES;
	return FORM_BYTES * (3 + form.reasoning.length + 4 * form.calls.length);
}

const FORM_BYTES = 150;

function joined({ texts, others }: ContentTexts, separator: string): string[] {
	const rest = others.length === 0 ? "" : writeJson(others);
	const ways =
		texts.length < 2 || separator === "" ? [texts.join("")] : [texts.join(separator), texts.join("")];
	return ways.map((text) => text + rest);
}

/** The content's text, or the list of its parts where one of them is no text: those are compared in their places. */
export function promptContent(message: JsonObject, shown: ShownMessages): JsonValue {
	const role = roleOf(message);
	const { list, others, texts } = textsOf(message.get("content"), PROMPT_TEXTS, role === "assistant");
	return others.length === 0 ? texts.join(separatorOf(message, shown)) : list;
}

/** What stands between the texts of the message's parts in the prompt. */
export function separatorOf(message: JsonObject, shown: ShownMessages): string {
	const role = roleOf(message);
	return shown.partSeparator(role, role === "assistant" && callsOf(message).length > 0);
}

function promptCall(call: JsonObject, role: string, shown: ShownMessages): JsonValue {
	const called = functionOf(call);
	const given = called.get("arguments") ?? null;
	const args = parsedArguments(given);
	const inCall = (field: string) => shown.shows(role, `tool_calls[].${field}`);
	return [
		nameOf(called),
		args === undefined ? ["text", given] : ["value", args],
		...shownFields(call, called === call ? FUNCTION : CALL, inCall),
		...(called === call ? [] : shownFields(called, FUNCTION, inCall)),
	];
}

const CALL = new Set(["function"]);
export const FUNCTION = new Set(["name", "arguments", "function"]);

function shownFields(
	object: JsonObject,
	except: ReadonlySet<string>,
	shows: (field: string) => boolean,
): JsonValue[] {
	const fields: JsonValue[] = [];
	for (const key of [...object.keys()].sort()) {
		const value = blankAsEmpty(object.get(key));
		if (value !== null && !except.has(key) && shows(key)) fields.push([key, value]);
	}
	return fields;
}

function carriedText(message: JsonObject): string {
	const carried = CARRIED.flatMap((field): JsonValue[] => {
		const value = blankAsEmpty(message.get(field));
		return value === null ? [] : [[field, value]];
	});
	return carried.length === 0 ? "" : writeJson(carried);
}

/**
 * One text for every spelling of a call's arguments: any spacing, escapes and key order; numbers as float64, since a
 * JavaScript client has nothing finer. Arguments that do not parse are their text.
 */
function argumentsKey(given: JsonValue): string {
	const value = parsedArguments(given);
	if (value === undefined) return `text ${given as string}`;
	return canonicalJson(value);
}

/** JSON text with sorted keys and one spelling for each float64. */
export function canonicalJson(value: JsonValue): string {
	if (value instanceof JsonNumber) return numberKey(value);
	if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
	if (!(value instanceof Map)) return JSON.stringify(value);
	const members = [...value.keys()]
		.sort()
		.map((key) => `${JSON.stringify(key)}:${canonicalJson(value.get(key) ?? null)}`);
	return `{${members.join(",")}}`;
}

/** `-0` is 0, as JavaScript writes it; beyond the largest double only the spelling is left to compare. */
function numberKey(number: JsonNumber): string {
	const { value } = number;
	return Number.isFinite(value) ? String(value) : number.text;
}

export function roleOf(message: JsonObject): string {
	const role = message.get("role");
	return typeof role === "string" ? role : "assistant";
}

export function callsOf(message: JsonObject): JsonObject[] {
	const calls = message.get("tool_calls");
	if (!Array.isArray(calls)) return [];
	return calls.map((call) => (call instanceof Map ? call : new Map([["function", call]])));
}

/** Where a call has its name and arguments: some clients put them into the call itself, and are shown so too. */
export function functionOf(call: JsonObject): JsonObject {
	const called = call.get("function");
	if (called instanceof Map) return called;
	return typeof call.get("name") === "string" ? call : new Map();
}

export function nameOf(called: JsonObject): string {
	const name = called.get("name") ?? null;
	return typeof name === "string" ? name : writeJson(name);
}

export function idOf(call: JsonObject): string | null {
	const id = blankAsEmpty(call.get("id"));
	return id === null ? null : typeof id === "string" ? keyOf(id) : writeJson(id);
}

/** Without white space at its ends, as JavaScript and Python together see it. Linear. */
export function trimmed(text: string): string {
	let start = 0;
	let end = text.length;
	while (start < end && isSpace(text[start] as string)) start++;
	while (end > start && isSpace(text[end - 1] as string)) end--;
	return text.slice(start, end);
}

/** JavaScript's, and those that only Python strips. */
function isSpace(character: string): boolean {
	return character.trim() === "" || PYTHON_SPACES.has(character);
}

const PYTHON_SPACES = new Set(["\u001c", "\u001d", "\u001e", "\u001f", "\u0085"]);

function keyOf(text: string): string {
	if (text.length <= KEY_LENGTH) return `=${text}`;
	// Of UTF-16: in UTF-8 all lone surrogates are one.
	return `#${createHash("sha256").update(Buffer.from(text, "utf16le")).digest("base64")}`;
}

const EMPTY = "=";
