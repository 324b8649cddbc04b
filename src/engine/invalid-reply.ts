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

/** A 502: what the model saw is not what would be recorded, and nothing was. */
export function renderedItself(what: string): RollpinError {
	return new RollpinError(
		"upstream_rendered_itself",
		"the engine did not use our input_ids: a gateway that drops them? (sglang-router 0.3 does; smg passes them); " +
			`${what}; nothing was recorded`,
	);
}
