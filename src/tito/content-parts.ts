// Contents that are lists of parts: their texts, an assistant's thoughts among them, and never a part that gets lost. Pure.
import { RollpinError } from "../base/errors.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { PROMPT_TEXTS, readPart } from "./message-texts.js";
import { notRendered } from "./not-rendered.js";

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
		const read = readPart(part, PROMPT_TEXTS, role === "assistant");
		if (read.kind === "text" && read.text !== null) parts.texts.push(read.text);
		else if (read.kind === "reasoning" && read.text !== null && read.raw !== null)
			parts.thoughts.push({ where: place, text: read.text });
		else if (lenient) continue;
		else throw read.kind === "other" ? lost(place, part, read.type) : withoutText(place, read.type);
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
