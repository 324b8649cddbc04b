// The texts of a message, wherever clients put them: content, parts, and reasoning under its many names. The one reading of
// them, for prompts and for comparing messages. Pure: refuses nothing.
import type { JsonObject, JsonValue } from "../json/value.js";

/** Types of parts that are text in an answer: chat completions' and the Responses API's. */
export const ANSWER_TEXTS: ReadonlySet<string> = new Set(["text", "output_text"]);
/** Types of parts that are text in a prompt. */
export const PROMPT_TEXTS: ReadonlySet<string> = new Set([...ANSWER_TEXTS, "input_text"]);
/** Types of parts that are an assistant's reasoning, as Anthropic's and Mistral's clients send it back. */
const REASONING_TYPES: ReadonlySet<string> = new Set(["thinking", "reasoning"]);

/** What a part is; `text` is null when a part of that kind has none that can be read, `type` is "" when it has none. */
export type ReadPart =
	| { kind: "text"; type: string; text: string | null }
	/** `field` is the part's field that holds the text, `raw` its value. */
	| { kind: "reasoning"; type: string; field: string; text: string | null; raw: JsonValue }
	| { kind: "other"; type: string };

/**
 * @param textTypes types of parts whose `text` is content
 * @param thinks whether thinking parts are reasoning; else they are parts like others
 */
export function readPart(part: JsonValue, textTypes: ReadonlySet<string>, thinks: boolean): ReadPart {
	const given = part instanceof Map ? part.get("type") : undefined;
	const type = typeof given === "string" ? given : "";
	if (!(part instanceof Map)) return { kind: "other", type };
	if (textTypes.has(type)) {
		const text = part.get("text");
		return { kind: "text", type, text: typeof text === "string" ? text : null };
	}
	if (!thinks || !REASONING_TYPES.has(type)) return { kind: "other", type };
	const field = REASONING_PART_FIELDS.find((name) => (part.get(name) ?? null) !== null) ?? type;
	const raw = part.get(field) ?? null;
	return { kind: "reasoning", type, field, text: textIn(raw), raw };
}

/** A content taken apart. */
export interface ContentTexts {
	/** Of the text parts, in order; a string is one. */
	texts: string[];
	/** Of thinking parts, in order; `at` is the part's index. */
	thinking: Array<{ at: number; field: string; text: string | null; raw: JsonValue }>;
	/** Every other part, as it is but for marks that no template shows. */
	others: JsonValue[];
	/** Text and other parts, each in its place. */
	list: JsonValue[];
}

/** A reasoning that a message brings, and where; `text` is null when it has a form that has no text. */
export interface ReasoningText {
	path: string;
	text: string | null;
	raw: JsonValue;
}

/** The parameters are those of `readPart`. */
export function textsOf(
	content: JsonValue | undefined,
	textTypes: ReadonlySet<string>,
	thinks: boolean,
): ContentTexts {
	const found: ContentTexts = { texts: [], thinking: [], others: [], list: [] };
	if (typeof content === "string") found.texts.push(content);
	if (!Array.isArray(content)) return found;
	content.forEach((part, at) => {
		const read = readPart(part, textTypes, thinks);
		if (read.kind === "text" && read.text !== null) {
			found.texts.push(read.text);
			found.list.push(read.text);
		} else if (read.kind === "reasoning") {
			found.thinking.push({ at, field: read.field, text: read.text, raw: read.raw });
		} else if (!thinks || read.type !== "redacted_thinking") {
			const plain = withoutMarks(part);
			found.others.push(plain);
			found.list.push(plain);
		}
	});
	return found;
}

/** A mark for the client's cache is not part of what is said. */
function withoutMarks(part: JsonValue): JsonValue {
	if (!(part instanceof Map) || !part.has("cache_control")) return part;
	const plain = new Map(part);
	plain.delete("cache_control");
	return plain;
}

/**
 * Fields of a message under which clients send an answer's reasoning, that of chat templates first. `reasoning_details` is
 * OpenRouter's (https://openrouter.ai/docs/use-cases/reasoning-tokens), `thinking_blocks` LiteLLM's: lists of pieces.
 */
export const REASONING_FIELDS = [
	"reasoning_content",
	"reasoning",
	"thinking",
	"reasoning_details",
	"thinking_blocks",
] as const;

/** Fields of a part, or of a piece of reasoning, that may hold its text; the first that has a value counts. */
const REASONING_PART_FIELDS = ["thinking", "reasoning", "text", "summary"];

/** Every reasoning in a field of the message. */
export function reasoningInFields(message: JsonObject): ReasoningText[] {
	return REASONING_FIELDS.flatMap((path) => {
		const raw = blankAsEmpty(message.get(path));
		return raw === null ? [] : [{ path, text: textIn(raw), raw }];
	});
}

/** Every reasoning of the message: in its fields, and in the thinking parts of its content. */
export function reasoningTexts(message: JsonObject, { thinking }: ContentTexts): ReasoningText[] {
	const found = reasoningInFields(message);
	const [first] = thinking;
	if (first !== undefined) {
		const texts = thinking.map(({ text }) => text);
		found.push({
			path: `content[${first.at}].${first.field}`,
			text: texts.includes(null) ? null : texts.join(""),
			raw: first.raw,
		});
	}
	return found;
}

/**
 * The text of a string or of a list of pieces; pieces without a text (encrypted ones, signatures) add nothing to it. Null for
 * a form that has no text. Mistral's thinking parts hold such a list (`ThinkChunk`, https://docs.mistral.ai/api).
 */
function textIn(value: JsonValue): string | null {
	if (value === null) return "";
	if (typeof value === "string") return value;
	if (!Array.isArray(value)) return null;
	let text = "";
	for (const piece of value) {
		if (typeof piece === "string") text += piece;
		else if (piece instanceof Map) {
			const said = REASONING_PART_FIELDS.map((name) => piece.get(name)).find(
				(found) => typeof found === "string",
			);
			if (typeof said === "string") text += said;
		} else return null;
	}
	return text;
}

/** Missing, null, `""` and `[]` are one. */
export function blankAsEmpty(value: JsonValue | undefined): JsonValue {
	if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return null;
	return value;
}
