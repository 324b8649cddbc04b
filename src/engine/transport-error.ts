// Owns what a failure below HTTP means to a client: code, message, and what the log needs. Pure; retries nothing.
import { RollpinError } from "../base/errors.js";

/** A request that got no usable answer. `transportCode` and `elapsedMs` are for the event `proxy_transport_error`. */
export class EngineTransportError extends RollpinError {
	/** Node's or undici's code (`ECONNREFUSED`, `UND_ERR_SOCKET`, `HPE_...`), or one of ours in lower case. */
	readonly transportCode: string;
	readonly elapsedMs: number;

	constructor(
		code: "upstream_unreachable" | "upstream_invalid" | "upstream_timeout",
		message: string,
		details: { transportCode: string; elapsedMs: number; cause?: unknown },
	) {
		super(code, message, details.cause === undefined ? {} : { cause: details.cause });
		this.name = "EngineTransportError";
		this.transportCode = details.transportCode;
		this.elapsedMs = details.elapsedMs;
	}
}

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

/** Maps whatever undici or the socket reported. */
export function transportError(error: unknown, elapsedMs: number): EngineTransportError {
	const transportCode = codeOf(error);
	const garbage = transportCode.startsWith("HPE_");
	const code = TIMEOUT_CODES.has(transportCode)
		? "upstream_timeout"
		: garbage || PROTOCOL_CODES.has(transportCode)
			? "upstream_invalid"
			: "upstream_unreachable";
	const sentence = SENTENCES[transportCode] ?? (garbage ? "the reply is not HTTP/1.1" : "connection failed");
	return new EngineTransportError(code, `backend transport error: ${transportCode}: ${sentence}`, {
		transportCode,
		elapsedMs,
		cause: error,
	});
}

/** The whole reply was not there by its deadline. */
export function deadlineError(timeoutMs: number, elapsedMs: number): EngineTransportError {
	return new EngineTransportError(
		"upstream_timeout",
		`backend transport error: deadline: no complete reply within ${timeoutMs / 1000} s`,
		{ transportCode: "deadline", elapsedMs },
	);
}

/** Connecting to a name with several addresses fails with all their errors at once. */
function codeOf(error: unknown): string {
	if (error instanceof AggregateError && error.errors.length > 0 && !hasCode(error))
		return codeOf(error.errors[0]);
	return hasCode(error) ? error.code : "unknown";
}

function hasCode(error: unknown): error is { code: string } {
	return typeof error === "object" && error !== null && "code" in error && typeof error.code === "string";
}
