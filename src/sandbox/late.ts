// What clients get when a call of the backend ran into its time limit: an error of ours in place of the limit's own. Pure.
import { RollpinError } from "../base/errors.js";

/** @returns any other error as it is */
export function lateError(error: unknown): unknown {
	if (!(error instanceof DOMException && error.name === "TimeoutError")) return error;
	return new RollpinError(
		"sandbox_backend_unavailable",
		"what runs the sandboxes did not answer in time; whether it has done what was asked is unknown",
		{ retryAfterS: 1, cause: error },
	);
}
