// Refuses prompt text that has no UTF-8 form. Changes nothing.
import { RollpinError } from "../base/errors.js";

const LONE_SURROGATE = /\p{Cs}/u;

/** The text itself. @throws RollpinError `invalid_messages` when it holds half of a surrogate pair */
export function wellFormed(text: string): string {
	if (!LONE_SURROGATE.test(text)) return text;
	throw new RollpinError(
		"invalid_messages",
		"the messages hold half of a surrogate pair, which has no UTF-8 form; send whole characters",
	);
}
