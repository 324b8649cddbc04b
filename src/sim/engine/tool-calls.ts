// Tool calls of the simulated model: which tool, its markup, and reading markup back as SGLang's qwen25 parser does.
import { JsonSyntaxError, parseJson, writeJson } from "../../json/parse.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import type { JsonRecord } from "./chat-request.js";
import type { EngineRelease } from "./engine-release.js";
import type { Random } from "./hash.js";
import { pythonJson } from "./python-json.js";
import { argumentsFor } from "./tool-arguments.js";

export interface ToolChoice {
	name: string;
	parameters: unknown;
}

export interface ToolCall {
	/** Position of the tool in the request's list. */
	toolPlace: number;
	name: string;
	/** JSON text in Python's spelling, whatever the sampled ids spell. */
	argumentsText: string;
}

const OPEN = "<tool_call>\n";
const CLOSE = "\n</tool_call>";
/** Python's parser has no such bound but its stack; a call deeper than this is not made by any test. */
const MAX_DEPTH = 200;

/** The request's tools: full ones or bare functions. Entries without a name are left out; the others keep their index. */
export function toolsOf(fields: JsonRecord): ToolChoice[] {
	const list = fields.tools;
	if (!Array.isArray(list)) return [];
	return list.map((tool: unknown) => {
		const holder = recordOf(tool);
		const definition = "function" in holder ? recordOf(holder.function) : holder;
		const name = definition.name;
		return { name: typeof name === "string" ? name : "", parameters: definition.parameters };
	});
}

function recordOf(value: unknown): JsonRecord {
	return typeof value === "object" && value !== null ? (value as JsonRecord) : {};
}

/**
 * Whether this turn calls a tool, by `tool_choice` and the cadence, and which.
 * @param every a call in every n-th assistant turn, starting with the first; 0: only when the request forces one
 */
export function chooseTool(
	fields: JsonRecord,
	tools: readonly ToolChoice[],
	every: number,
	random: Random,
): ToolChoice | null {
	const named = tools.filter((tool) => tool.name !== "");
	const choice = fields.tool_choice;
	if (named.length === 0 || choice === "none") return null;
	if (typeof choice === "object" && choice !== null) {
		const forced = recordOf((choice as JsonRecord).function).name;
		return named.find((tool) => tool.name === forced) ?? null;
	}
	const due = choice === "required" || (every > 0 && assistantTurns(fields) % every === 0);
	return due ? (named[random.below(named.length)] as ToolChoice) : null;
}

function assistantTurns(fields: JsonRecord): number {
	const messages = fields.messages;
	if (!Array.isArray(messages)) return 0;
	return messages.filter((message) => recordOf(message).role === "assistant").length;
}

/**
 * What the model writes to call a tool (the Hermes / Qwen form).
 * @param respellOneIn n: one call in n is spelled otherwise than the parser will spell it; 0: none
 */
export function toolMarkup(tool: ToolChoice, random: Random, respellOneIn: number): string {
	const spelled = argumentsFor(tool.parameters, random);
	const odd = respellOneIn > 0 && random.below(respellOneIn) === 0;
	return `${OPEN}{"name": ${JSON.stringify(tool.name)}, "arguments": ${odd ? oddly(spelled, random) : spelled}}${CLOSE}`;
}

/** The same arguments without spaces and in ASCII alone, or with their braces on lines of their own. */
function oddly(argumentsText: string, random: Random): string {
	if (random.below(2) === 0) return `{\n${argumentsText.slice(1, -1)}\n}`;
	const compact = writeJson(parseJson(argumentsText, { maxDepth: MAX_DEPTH }));
	return compact.replace(/[\u0080-\uffff]/g, (unit) => {
		return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
	});
}

/**
 * Splits generated text into content and calls. Text before the first call is content, trimmed; what follows it is
 * lost, and so is markup that is no JSON or names no tool of the request: SGLang's parser drops them all.
 * @returns null for `calls` when the message has none
 */
export function readToolCalls(
	text: string,
	tools: readonly ToolChoice[],
	release: EngineRelease,
): { content: string; calls: ToolCall[] | null } {
	const first = text.indexOf(OPEN);
	if (first < 0) return { content: text, calls: null };
	const calls: ToolCall[] = [];
	for (let at = first; at >= 0; ) {
		const end = text.indexOf(CLOSE, at + OPEN.length);
		if (end < 0) break;
		calls.push(...readCalls(text.slice(at + OPEN.length, end), tools));
		at = text.indexOf(OPEN, end + CLOSE.length);
	}
	const none = calls.length === 0 && !release.emptyCallsForUnreadable;
	return { content: text.slice(0, first).trim(), calls: none ? null : calls };
}

/** The calls of one block: an object, or a list of them. */
function readCalls(body: string, tools: readonly ToolChoice[]): ToolCall[] {
	let parsed: JsonValue;
	try {
		parsed = parseJson(body.trim(), { maxDepth: MAX_DEPTH });
	} catch (error) {
		if (!(error instanceof JsonSyntaxError)) throw error;
		return [];
	}
	const calls: ToolCall[] = [];
	for (const call of Array.isArray(parsed) ? parsed : [parsed]) {
		if (!(call instanceof Map)) continue;
		const name = call.get("name");
		// Of two tools with one name the parser's table keeps the last.
		const toolPlace = tools.findLastIndex((tool) => tool.name !== "" && tool.name === name);
		if (toolPlace < 0) continue;
		const { name: known } = tools[toolPlace] as ToolChoice;
		calls.push({ toolPlace, name: known, argumentsText: pythonJson(argumentsOf(call)) });
	}
	return calls;
}

/** `parameters` where that is true, else `arguments`, else an empty object. */
function argumentsOf(call: JsonObject): JsonValue {
	const given = call.get("parameters") ?? null;
	if (isTrue(given)) return given;
	return call.has("arguments") ? (call.get("arguments") as JsonValue) : new Map();
}

/** As Python's `or` sees it: empty containers and texts, zero and null are false. */
function isTrue(value: JsonValue): boolean {
	if (value === null || value === false || value === "") return false;
	if (Array.isArray(value)) return value.length > 0;
	if (value instanceof Map) return value.size > 0;
	return !(typeof value === "object" && value.value === 0);
}
