// The texts that a message brings, wherever clients put them: content, parts, and reasoning under its many names. Pure.
import type { JsonObject, JsonValue } from "../../json/value.js";

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

/**
 * @param textTypes types of parts whose `text` is content
 * @param thinks whether thinking parts are reasoning; else they are parts like others
 */
export function textsOf(
	content: JsonValue | undefined,
	textTypes: ReadonlySet<string>,
	thinks: boolean,
): ContentTexts {
	const found: ContentTexts = { texts: [], thinking: [], others: [], list: [] };
	if (typeof content === "string") found.texts.push(content);
	if (!Array.isArray(content)) return found;
	content.forEach((part, at) => {
		const type = part instanceof Map ? part.get("type") : undefined;
		if (!(part instanceof Map) || typeof type !== "string") {
			found.others.push(part);
			found.list.push(part);
			return;
		}
		const text = part.get("text");
		if (textTypes.has(type) && typeof text === "string") {
			found.texts.push(text);
			found.list.push(text);
		} else if (thinks && (type === "thinking" || type === "reasoning")) {
			const field = THINKING_FIELDS.find((name) => part.has(name)) ?? type;
			const raw = part.get(field) ?? null;
			found.thinking.push({ at, field, text: textIn(raw), raw });
		} else if (!thinks || type !== "redacted_thinking") {
			const plain = new Map(part);
			plain.delete("cache_control");
			found.others.push(plain);
			found.list.push(plain);
		}
	});
	return found;
}

/** Fields of a message under which clients send an answer's reasoning. */
export const REASONING_FIELDS = [
	"reasoning_content",
	"reasoning",
	"reasoning_details",
	"thinking",
	"thinking_blocks",
] as const;

/** Fields of a thinking part that may hold its text. */
const THINKING_FIELDS = ["thinking", "reasoning", "text", "summary"];

/**
 * Every reasoning that the message brings, under each name that it has one under. `reasoning_details` and
 * `thinking_blocks` are lists of pieces of one text; pieces without a text (encrypted ones, signatures) are passed over.
 */
export function reasoningTexts(message: JsonObject, { thinking }: ContentTexts): ReasoningText[] {
	const found: ReasoningText[] = [];
	for (const path of REASONING_FIELDS) {
		const raw = blankAsEmpty(message.get(path));
		if (raw !== null) found.push({ path, text: textIn(raw), raw });
	}
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

/** Null for a form that has no text. */
function textIn(value: JsonValue): string | null {
	if (value === null) return "";
	if (typeof value === "string") return value;
	if (!Array.isArray(value)) return null;
	let text = "";
	for (const piece of value) {
		if (typeof piece === "string") text += piece;
		else if (piece instanceof Map) {
			const said = THINKING_FIELDS.map((name) => piece.get(name)).find((found) => typeof found === "string");
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
