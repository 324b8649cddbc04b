// Refuses prompt text that has no UTF-8 form. Changes nothing.
import { RollpinError } from "../base/errors.js";
import type { JsonValue } from "../json/value.js";
import type { NamedMessage } from "./messages.js";

const LONE_SURROGATE = /\p{Cs}/u;

/**
 * The text itself.
 * @param messages those it was rendered from
 * @throws RollpinError `invalid_messages` when it holds half of a surrogate pair, naming the message that has it
 */
export function wellFormed(text: string, messages: readonly NamedMessage[] = []): string {
	if (!LONE_SURROGATE.test(text)) return text;
	const holder = messages.find(({ message }) => holdsHalf(message));
	throw new RollpinError(
		"invalid_messages",
		`${holder?.where ?? "the request"} holds half of a surrogate pair, which has no UTF-8 form; send whole characters`,
		holder === undefined ? {} : { param: holder.where },
	);
}

function holdsHalf(value: JsonValue): boolean {
	if (typeof value === "string") return LONE_SURROGATE.test(value);
	if (Array.isArray(value)) return value.some(holdsHalf);
	return value instanceof Map && [...value].some(([key, item]) => holdsHalf(key) || holdsHalf(item));
}
