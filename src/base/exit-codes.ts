// The exit codes of every command and process, and which one an error ends in.
import { ConfigError } from "./errors.js";

/** All went well; for a check: everything is as it should be. */
export const EXIT_OK = 0;
/** It failed while running; for a check: something is not as it should be. */
export const EXIT_FAILED = 1;
/** Bad usage or configuration: nothing was started. */
export const EXIT_USAGE = 2;

/** Of a process that could not do its work. */
export type FailureCode = typeof EXIT_FAILED | typeof EXIT_USAGE;

export function exitCodeOf(error: unknown): FailureCode {
	return error instanceof ConfigError ? EXIT_USAGE : EXIT_FAILED;
}
