// Contents that are lists of parts: as text for a template that knows no lists, and never with a part that gets lost. Pure.
import { RollpinError } from "../base/errors.js";
import type { JsonObject, JsonValue } from "../json/value.js";

/** Types of parts that a prompt of token ids cannot carry: no id of theirs would be among them. */
const MEDIA = /image|video|audio|file/;

/**
 * The message with a content that the template shows. A template that reads lists itself gets them as they are; for
 * another one the texts are joined with a space, as SGLang does (`process_content_for_template_format`, "string"): left
 * alone, such templates write an empty message, or a list in Python's spelling.
 * @param readsLists whether the template does
 * @throws RollpinError `invalid_messages` naming a part that would be lost
 */
export function withShownContent(message: JsonObject, where: string, readsLists: boolean): JsonObject {
	const content = message.get("content");
	if (!Array.isArray(content)) return message;
	const texts = content.map((part, at) => textOf(part, `${where}.content[${at}]`, readsLists));
	return readsLists ? message : new Map(message).set("content", texts.join(" "));
}

function textOf(part: JsonValue, where: string, readsLists: boolean): string {
	if (readsLists) {
		const type = part instanceof Map ? part.get("type") : undefined;
		if (typeof type === "string" && MEDIA.test(type)) throw lost(where, `is of type ${type}`);
		return "";
	}
	const text = part instanceof Map && part.get("type") === "text" ? part.get("text") : undefined;
	if (typeof text !== "string") throw lost(where, "is not a text part");
	return text;
}

function lost(where: string, what: string): RollpinError {
	return new RollpinError(
		"invalid_messages",
		`${where} ${what}, and the prompt is made of text alone, so it would be lost; send {"type":"text","text":"..."} or a string`,
		{ param: where },
	);
}
