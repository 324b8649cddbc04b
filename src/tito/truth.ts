// The truth check's decisions: short conversations, and what a difference between our ids and the engine's means. Pure.
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";

export interface TruthConversation {
	name: string;
	messages: readonly JsonObject[];
	/** As they are sent. */
	tools: readonly JsonValue[] | undefined;
	/** As they are sent beside them; null: not at all. */
	toolChoice: JsonValue | null;
}

const parsed = <T extends JsonValue>(text: string): T => parseJson(text) as T;

const USER = '{"role":"user","content":"What is the weather in Graz? Zwölf °C?"}';
const SYSTEM = '{"role":"system","content":"Be brief."}';
const CITY =
	'{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","maximum":10}},"required":["city"]}';
// No explicit null: /tokenize drops those before it renders, and a chat does not.
const WEATHER = `{"type":"function","function":{"name":"weather","description":"Of a <city>.","parameters":${CITY}}}`;
const SEARCH = `{"type":"function","function":{"description":"Finds.","name":"search","strict":true,"parameters":${CITY}}}`;
const PLAIN_TOOL = `{"type":"function","function":{"parameters":${CITY},"name":"look"}}`;
const CALL =
	'{"role":"assistant","content":"","tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\\"city\\": \\"Graz\\", \\"days\\": 2}"}}]}';
const RESULT = '{"role":"tool","tool_call_id":"call_1","content":"Rain, 12 °C."}';
const ANSWER = '{"role":"assistant","content":"Rain.","reasoning_content":"It looks grey."}';
const AGAIN = '{"role":"user","content":"And in Linz?"}';

function conversation(
	name: string,
	messages: string[],
	tools: string[] = [],
	toolChoice: string | null = null,
): TruthConversation {
	const list = (texts: string[]) =>
		texts.length === 0 ? undefined : parsed<JsonValue[]>(`[${texts.join(",")}]`);
	return {
		name,
		messages: parsed<JsonObject[]>(`[${messages.join(",")}]`),
		tools: list(tools),
		toolChoice: toolChoice === null ? null : parsed(toolChoice),
	};
}

export const TRUTH_CONVERSATIONS: readonly TruthConversation[] = [
	conversation("plain", [USER]),
	conversation("system", [SYSTEM, USER]),
	conversation("tools", [SYSTEM, USER], [WEATHER, SEARCH, PLAIN_TOOL]),
	conversation("call and result", [USER, CALL, RESULT], [WEATHER]),
	conversation("tool_choice none", [USER], [WEATHER, SEARCH], '"none"'),
	conversation(
		"tool_choice named",
		[USER],
		[WEATHER, SEARCH],
		'{"type":"function","function":{"name":"search"}}',
	),
	conversation("reasoning kept", [USER, ANSWER, AGAIN]),
];

const GATEWAY_KEYS = ["name", "description", "parameters", "strict"];

/**
 * The functions' keys in the order in which a gateway that reads requests into structs writes them again (smg does). A
 * chat through it shows nothing of any other order; chats with ids are not touched by it.
 */
export function inGatewayOrder(tools: readonly JsonValue[]): JsonValue[] {
	return tools.map((tool) => {
		const described = tool instanceof Map ? tool.get("function") : undefined;
		if (!(tool instanceof Map) || !(described instanceof Map)) return tool;
		const keys = [...new Set([...GATEWAY_KEYS, ...described.keys()])].filter((key) => described.has(key));
		const ordered: JsonObject = new Map(keys.map((key) => [key, described.get(key) ?? null]));
		return new Map([...tool, ["function", ordered]]);
	});
}

/** Index of the first id that differs, the shorter one's length when it is a prefix; null when they are the same. */
export function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
	const shorter = Math.min(a.length, b.length);
	for (let at = 0; at < shorter; at++) if (a[at] !== b[at]) return at;
	return a.length === b.length ? null : shorter;
}

/** A think block of an earlier answer with the space after it; the opening tag may stand in the generation prompt. */
const THINK_BLOCK = /(?:<think>(?:(?!<\/?think>)[\s\S])*)?<\/think>\s*/g;

/**
 * Families keep the reasoning of every answer where models' own templates drop it, and write the empty block where they
 * leave it out: on purpose, or history would change from turn to turn. Only that: what is left must be the same.
 */
export function differsOnlyInReasoning(family: string, engine: string): boolean {
	return family.replace(THINK_BLOCK, "") === engine.replace(THINK_BLOCK, "");
}
