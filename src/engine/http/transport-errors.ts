// Owns what a failure below HTTP means to a client: code, message, and what the log needs. Pure; retries nothing.
import { RollpinError } from "../../base/errors.js";

const TIMEOUT_CODES = new Set([
	"UND_ERR_CONNECT_TIMEOUT",
	"UND_ERR_HEADERS_TIMEOUT",
	"UND_ERR_BODY_TIMEOUT",
	"ETIMEDOUT",
]);
const PROTOCOL_CODES = new Set([
	"UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
	"UND_ERR_HEADERS_OVERFLOW",
	"UND_ERR_RES_EXCEEDED_MAX_SIZE",
]);
/** Fixed sentences: an error's own text may name hosts and ports, which are no client's business. */
const SENTENCES: { readonly [code: string]: string } = {
	ECONNREFUSED: "connection refused",
	ECONNRESET: "connection reset",
	EPIPE: "connection closed while sending",
	ENOTFOUND: "host not found",
	EAI_AGAIN: "host name could not be resolved",
	EHOSTUNREACH: "host unreachable",
	ENETUNREACH: "network unreachable",
	EMFILE: "out of file descriptors",
	ETIMEDOUT: "connection timed out",
	UND_ERR_CONNECT_TIMEOUT: "connection timed out",
	UND_ERR_HEADERS_TIMEOUT: "no reply in time",
	UND_ERR_BODY_TIMEOUT: "the reply stopped",
	UND_ERR_SOCKET: "connection closed before the reply was complete",
	UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the reply is shorter than its content-length",
	UND_ERR_HEADERS_OVERFLOW: "the reply's headers are too large",
	UND_ERR_RES_EXCEEDED_MAX_SIZE: "the reply is too large",
};

/** Maps whatever undici or the socket reported; RollpinErrors pass as they are. */
export function transportError(error: unknown, elapsedMs: number): RollpinError {
	if (error instanceof RollpinError) return error;
	const transportCode = codeOf(error);
	// undici leaves the code of a parser error out more often than not.
	const garbage = transportCode.startsWith("HPE_") || transportCode === "HTTPParserError";
	const code = TIMEOUT_CODES.has(transportCode)
		? "upstream_timeout"
		: garbage || PROTOCOL_CODES.has(transportCode)
			? "upstream_invalid"
			: "upstream_unreachable";
	const sentence = SENTENCES[transportCode] ?? (garbage ? "the reply is not HTTP/1.1" : "connection failed");
	return failure(code, `${transportCode}: ${sentence}`, transportCode, elapsedMs, error);
}

/** The whole reply was not there by its deadline. */
export function deadlineError(timeoutMs: number, elapsedMs: number): RollpinError {
	const sentence = `no complete reply within ${timeoutMs / 1000} s (--upstream-timeout)`;
	return failure("upstream_timeout", sentence, "DEADLINE", elapsedMs);
}

/** `details` are for the client and for the event `proxy_transport_error`. */
function failure(
	code: "upstream_unreachable" | "upstream_invalid" | "upstream_timeout",
	what: string,
	transportCode: string,
	elapsedMs: number,
	cause?: unknown,
): RollpinError {
	return new RollpinError(
		code,
		`backend transport error: ${what}; nothing was recorded, the chat may be repeated`,
		{
			details: { transportCode, elapsedMs: Math.round(elapsedMs) },
			...(cause === undefined ? {} : { cause }),
		},
	);
}

/** Connecting to a name with several addresses fails with all their errors at once. */
function codeOf(error: unknown): string {
	if (error instanceof AggregateError && error.errors.length > 0 && !hasCode(error))
		return codeOf(error.errors[0]);
	if (hasCode(error)) return error.code;
	return error instanceof Error ? error.name : "unknown";
}

function hasCode(error: unknown): error is { code: string } {
	return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string";
}
