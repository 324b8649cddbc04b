// Tool calls of the simulated model: which tool, its markup, and reading markup back as an engine's parser does.
import type { JsonRecord } from "./chat-request.js";
import type { Random } from "./hash.js";
import { argumentsFor } from "./tool-arguments.js";

export interface ToolChoice {
	name: string;
	parameters: unknown;
}

export interface ToolCall {
	/** Position of the tool in the request's list, as the real engine numbers calls; -1 for an unknown name. */
	index: number;
	name: string;
	/** JSON text. */
	argumentsText: string;
}

const OPEN = "<tool_call>\n";
const CLOSE = "\n</tool_call>";
const ARGUMENTS = '"arguments": ';

/** The request's tools: full ones or bare functions; entries without a name are left out but keep their place. */
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

/** What the model writes to call a tool (the Hermes / Qwen form). */
export function toolMarkup(tool: ToolChoice, random: Random): string {
	const body = `{"name": ${JSON.stringify(tool.name)}, ${ARGUMENTS}${argumentsFor(tool.parameters, random)}}`;
	return OPEN + body + CLOSE;
}

/**
 * Splits generated text into content and calls. Text before the first call is content, without the white space
 * next to the call; markup that does not parse stays content.
 */
export function readToolCalls(
	text: string,
	tools: readonly ToolChoice[],
): { content: string; calls: ToolCall[] } {
	const first = text.indexOf(OPEN);
	if (first < 0) return { content: text, calls: [] };
	const calls: ToolCall[] = [];
	for (let at = first; at >= 0; at = text.indexOf(OPEN, at + 1)) {
		const end = text.indexOf(CLOSE, at);
		if (end < 0) break;
		const call = readCall(text.slice(at + OPEN.length, end), tools);
		if (!call) return { content: text, calls: [] };
		calls.push(call);
	}
	return calls.length === 0 ? { content: text, calls } : { content: text.slice(0, first).trim(), calls };
}

function readCall(body: string, tools: readonly ToolChoice[]): ToolCall | null {
	try {
		const name = recordOf(JSON.parse(body)).name;
		const start = body.indexOf(ARGUMENTS);
		if (typeof name !== "string" || start < 0) return null;
		const argumentsText = body.slice(start + ARGUMENTS.length, body.lastIndexOf("}"));
		return { index: tools.findIndex((tool) => tool.name === name), name, argumentsText };
	} catch {
		// Not JSON: an engine's parser leaves such markup in the text, and so does this one.
		return null;
	}
}
