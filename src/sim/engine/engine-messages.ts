// A request's messages as SGLang hands them to a chat template: its schema's keys in its order, nulls and the rest left out. Pure.
import { JsonSyntaxError, parseJson } from "../../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../../json/value.js";
import { SimRefusal } from "./chat-request.js";
import type { EngineRelease } from "./engine-release.js";

/** How a template reads a content: as text, or as a list of parts. */
export type ContentFormat = "string" | "openai";

/** Fields of a message that is not a user's, in the schema's order; a user has role and content alone. */
const FIELDS = ["tool_call_id", "name", "phase", "reasoning_content", "tool_calls"] as const;
const ROLES = ["system", "assistant", "tool", "function", "developer", "latest_reminder", "root"];
const MEDIA = new Map([
	["image_url", "image"],
	["video_url", "video"],
	["audio_url", "audio"],
]);
const MAX_DEPTH = 200;
const LARGEST_INTEGER = 2n ** 64n - 1n;
const SMALLEST_INTEGER = -(2n ** 63n);

/** @throws SimRefusal 400 for what the schema refuses */
export function engineMessages(
	messages: readonly JsonValue[],
	format: ContentFormat,
	release: EngineRelease,
): JsonObject[] {
	return messages.map((message, at) => engineMessage(message, `messages.${at}`, format, release));
}

function engineMessage(
	message: JsonValue,
	where: string,
	format: ContentFormat,
	release: EngineRelease,
): JsonObject {
	if (!(message instanceof Map)) throw invalid(where, "Input should be a valid dictionary");
	const role = roleOf(message, where);
	const made: JsonObject = new Map([
		["role", role],
		["content", contentOf(message, role, where, format)],
	]);
	if (role === "user") return made;
	for (const name of FIELDS) {
		const value = message.get(name) ?? null;
		if (value === null) continue;
		made.set(name, name === "tool_calls" ? toolCalls(value, role, where, release) : value);
	}
	return made;
}

function roleOf(message: JsonObject, where: string): string {
	const role = message.get("role");
	if (role === "user") return role;
	const known = typeof role === "string" ? role.toLowerCase() : "";
	if (ROLES.includes(known)) return known;
	throw invalid(`${where}.role`, `must be one of 'user', ${ROLES.map((name) => `'${name}'`).join(", ")}`);
}

function contentOf(message: JsonObject, role: string, where: string, format: ContentFormat): JsonValue {
	const content = message.get("content") ?? null;
	if (typeof content === "string") return content;
	if (content === null && role !== "user") return "";
	if (!Array.isArray(content)) throw invalid(`${where}.content`, "Input should be a valid string or list");
	const parts = content.map((part, at) => partOf(part, role, `${where}.content.${at}`));
	const texts = parts.filter((part) => part.get("type") === "text");
	const joined = (): string => texts.map((part) => part.get("text")).join(" ");
	if (format === "string") return joined();
	// A tool's texts are joined for every template.
	const shown = parts.filter((part) => part.get("type") !== "thinking");
	return role === "tool" && texts.length === shown.length ? joined() : shown;
}

/** A part as the template gets it. Keys beside its own are lost; a thinking part is marked and never shown. */
function partOf(part: JsonValue, role: string, where: string): JsonObject {
	const type = part instanceof Map ? part.get("type") : undefined;
	if (!(part instanceof Map) || typeof type !== "string") {
		throw invalid(where, "Input should be a valid content part");
	}
	if (type === "text" && typeof part.get("text") === "string") {
		return new Map<string, JsonValue>([
			["type", "text"],
			["text", part.get("text") as string],
		]);
	}
	if ((type === "thinking" || type === "reasoning") && role === "assistant")
		return new Map([["type", "thinking"]]);
	const media = MEDIA.get(type);
	if (media !== undefined) return new Map([["type", media]]);
	throw invalid(where, `${type} is not a content part of this message`);
}

function toolCalls(value: JsonValue, role: string, where: string, release: EngineRelease): JsonValue[] {
	if (!Array.isArray(value)) throw invalid(`${where}.tool_calls`, "Input should be a valid list");
	return value.map((call, at) => {
		const place = `${where}.tool_calls.${at}`;
		const called = call instanceof Map ? call.get("function") : undefined;
		if (!(call instanceof Map) || !(called instanceof Map)) {
			throw invalid(`${place}.function`, "Field required");
		}
		const given = called.get("arguments") ?? null;
		const parsed = role === "assistant" && typeof given === "string" ? argumentsOf(given, release) : given;
		return new Map<string, JsonValue>([
			["id", call.get("id") ?? null],
			["index", call.get("index") ?? null],
			["type", "function"],
			[
				"function",
				new Map<string, JsonValue>([
					["name", called.get("name") ?? null],
					["arguments", parsed],
				]),
			],
		]);
	});
}

/** As orjson reads them: no number beyond a double, and an integer beyond 64 bits is one. */
function argumentsOf(text: string, release: EngineRelease): JsonValue {
	let parsed: JsonValue;
	try {
		parsed = machineNumbers(parseJson(text, { maxDepth: MAX_DEPTH }));
	} catch (error) {
		if (!(error instanceof JsonSyntaxError)) throw error;
		throw new SimRefusal(400, "Assistant tool call function.arguments must be valid JSON.", "BadRequest");
	}
	if (release.argumentsMustBeObject && !(parsed instanceof Map)) {
		throw new SimRefusal(400, "Assistant tool call function.arguments must be a JSON object.", "BadRequest");
	}
	return parsed;
}

function machineNumbers(value: JsonValue): JsonValue {
	if (value instanceof JsonNumber) {
		if (!Number.isFinite(value.value)) throw new JsonSyntaxError("number is infinite when parsed", 0);
		if (!value.isInteger) return value;
		const exact = BigInt(value.text);
		const fits = exact >= SMALLEST_INTEGER && exact <= LARGEST_INTEGER;
		return fits ? value : new JsonNumber(value.value.toExponential());
	}
	if (Array.isArray(value)) return value.map(machineNumbers);
	if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, machineNumbers(item)]));
	return value;
}

/** The form of a schema's refusal. */
export function invalid(where: string, rule: string): SimRefusal {
	return new SimRefusal(400, `1 validation error:\n  ${where}: ${rule}`, "Bad Request");
}
