// Contents that are lists of parts: their texts, an assistant's thoughts among them, and never a part that gets lost. Pure.
import { RollpinError } from "../base/errors.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { notRendered } from "./not-rendered.js";

/** Parts that are text under other names: the Responses API's. */
const TEXT_TYPES: ReadonlySet<string> = new Set(["text", "input_text", "output_text"]);
/** Reasoning of an assistant, as Anthropic's and Mistral's clients send it back. */
const THOUGHT_TYPES: ReadonlySet<string> = new Set(["thinking", "reasoning"]);

export interface Parts {
	texts: string[];
	thoughts: { where: string; text: string }[];
}

/**
 * @param lenient leaves out what has no text instead of refusing it
 * @throws RollpinError `not_rendered` naming a part that would be lost: the prompt is made of text alone;
 * `invalid_messages` for a text part without text
 */
export function partsOf(content: readonly JsonValue[], role: string, where: string, lenient: boolean): Parts {
	const parts: Parts = { texts: [], thoughts: [] };
	for (const [at, part] of content.entries()) {
		const place = `${where}.content[${at}]`;
		const type = part instanceof Map ? part.get("type") : undefined;
		const kind = typeof type === "string" ? type : "";
		if (part instanceof Map && TEXT_TYPES.has(kind)) {
			const text = part.get("text");
			if (typeof text === "string") parts.texts.push(text);
			else if (!lenient) throw withoutText(place, kind);
		} else if (part instanceof Map && THOUGHT_TYPES.has(kind) && role === "assistant") {
			const text = part.get("thinking") ?? part.get("text");
			if (typeof text === "string") parts.thoughts.push({ where: place, text });
			else if (!lenient) throw withoutText(place, kind);
		} else if (!lenient) throw lost(place, part, kind);
	}
	return parts;
}

function withoutText(where: string, type: string): RollpinError {
	return new RollpinError("invalid_messages", `${where} is a ${type} part whose text is not a string`, {
		param: where,
	});
}

function lost(where: string, part: JsonValue | JsonObject, type: string): RollpinError {
	const what = !(part instanceof Map)
		? "is not an object"
		: type === ""
			? "has no type"
			: `is of type ${type.slice(0, 40)}`;
	return notRendered(
		where,
		`${what}, and the prompt is made of text alone, so it would be lost; send {"type":"text","text":"..."} or a string`,
	);
}
