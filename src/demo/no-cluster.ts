// The one error for a URL where no cluster answers. Text only.
import { ConfigError } from "../base/errors.js";

/** @param error what a request to it ended with */
export function noCluster(url: string, error: unknown): ConfigError {
	return new ConfigError(
		`no cluster answers at ${url} (${reasonOf(error)}); start one with rollpin serve, or give its address with --url`,
		{ cause: error },
	);
}

/** What a failed request ended with, for people. `fetch` says no more than "fetch failed"; its cause says why. */
export function reasonOf(error: unknown): string {
	const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
	return cause instanceof Error && cause.message !== "" ? cause.message : String(cause);
}
