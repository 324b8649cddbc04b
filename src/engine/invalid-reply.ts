// Owns the errors for a reply that came whole and is unusable all the same.
import { RollpinError } from "../base/errors.js";

/** A 502: the reply is unusable and nothing was recorded. */
export function invalidReply(what: string, cause?: unknown): RollpinError {
	return new RollpinError(
		"upstream_invalid",
		`the engine's reply is unusable: ${what}; nothing was recorded`,
		cause === undefined ? {} : { cause },
	);
}
