// What a failed exchange with the engine means for the client. Pure.
import { RollpinError } from "../base/errors.js";

const TIMEOUTS = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);
const GARBAGE = new Set(["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "UND_ERR_INVALID_ARG", "HTTPParserError"]);

/** Maps an undici or socket error; RollpinErrors pass as they are. */
export function transportError(error: unknown, url: string, elapsedMs: number): RollpinError {
	if (error instanceof RollpinError) return error;
	const transportCode = codeOf(error);
	const details = { transportCode, elapsedMs: Math.round(elapsedMs) };
	const options = { cause: error, details };
	if (TIMEOUTS.has(transportCode)) return timeoutError(url, elapsedMs, error);
	if (GARBAGE.has(transportCode) || transportCode.startsWith("HPE_")) {
		return new RollpinError(
			"upstream_invalid",
			`backend transport error: ${transportCode}: the engine at ${url} answered something that is no valid HTTP; ` +
				"nothing was recorded, the chat may be repeated",
			options,
		);
	}
	return new RollpinError(
		"upstream_unreachable",
		`backend transport error: ${transportCode}: the exchange with the engine at ${url} failed; ` +
			"nothing was recorded, the chat may be repeated",
		options,
	);
}

export function timeoutError(url: string, elapsedMs: number, cause?: unknown): RollpinError {
	return new RollpinError(
		"upstream_timeout",
		`the engine at ${url} did not finish its reply within ${Math.round(elapsedMs)} ms (--upstream-timeout); ` +
			"nothing was recorded, the chat may be repeated",
		{ cause, details: { transportCode: "TIMEOUT", elapsedMs: Math.round(elapsedMs) } },
	);
}

/** The most telling code on an error or its causes. */
function codeOf(error: unknown): string {
	for (let at = error; at instanceof Error; at = at.cause) {
		const code = (at as NodeJS.ErrnoException).code;
		if (typeof code === "string") return code;
		// Several addresses were tried; the first failure is as good as any.
		if (at instanceof AggregateError && at.errors.length > 0) return codeOf(at.errors[0]);
	}
	return error instanceof Error ? error.name : "UNKNOWN";
}
