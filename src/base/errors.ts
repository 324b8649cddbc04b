// The one error hierarchy: a stable code, its HTTP status, a message that names thing, rule and remedy.

/** Every code a client can see, with the HTTP status it travels under (docs/errors.md). */
export const ERROR_STATUS = {
	invalid_request: 400,
	invalid_json: 400,
	invalid_messages: 400,
	not_rendered: 400,
	invalid_id: 400,
	history_mismatch: 400,
	rollback_limit: 400,
	role_not_appendable: 400,
	image_not_allowed: 400,
	unauthorized: 401,
	/** Without a token: a page in somebody's browser, or a name that may be one's of a stranger. */
	forbidden: 403,
	session_not_found: 404,
	session_deleted: 404,
	sandbox_not_found: 404,
	sandbox_deleted: 404,
	/** 410 to the command that was running when the deadline came. */
	sandbox_expired: 404,
	sandbox_path_not_found: 404,
	sandbox_exec_not_found: 404,
	path_not_allowed: 404,
	not_found: 404,
	method_not_allowed: 405,
	request_timeout: 408,
	truncated_turn: 409,
	session_state_conflict: 409,
	chat_cancelled: 409,
	sandbox_state_conflict: 409,
	session_closed: 410,
	/** 410 to the chat that was running when the deadline came; a later request gets 404 under the same code. */
	session_expired: 410,
	/** Whatever took it away was not its client: an episode to mask, not to score. */
	sandbox_lost: 410,
	body_too_large: 413,
	session_too_large: 413,
	uri_too_long: 414,
	unsupported_media_type: 415,
	idempotency_mismatch: 422,
	too_many_requests: 429,
	too_many_sandboxes: 429,
	headers_too_large: 431,
	internal: 500,
	/** Of one session, until its file is restored or it is deleted. */
	store_damaged: 500,
	sandbox_not_configured: 501,
	upstream_unreachable: 502,
	upstream_invalid: 502,
	/** An engine whose tokens would not be what is recorded, whatever the request. */
	upstream_unfit: 502,
	/** Its reply says that it used other ids than the ones that were sent. */
	upstream_rendered_itself: 502,
	image_unavailable: 502,
	worker_unavailable: 503,
	/** `--engine-check refuse`, and the engine could not be compared with our rendering yet. */
	upstream_unchecked: 503,
	/** Until an operator mends it: never sent with `Retry-After`. */
	partition_refused: 503,
	/** The medium takes or gives nothing, or the data dir is gone: until an operator mends it. */
	store_unavailable: 503,
	sandbox_backend_unavailable: 503,
	draining: 503,
	upstream_breaker_open: 503,
	upstream_timeout: 504,
	store_full: 507,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

export interface ErrorOptions {
	/** Overrides the code's usual status (`session_expired` is 410 to the running chat, 404 to a late one). */
	status?: number;
	/** Sent as `Retry-After`, whole seconds. */
	retryAfterS?: number;
	/**
	 * False is sent as `x-should-retry: false`: OpenAI's clients send a 409 again by themselves
	 * (https://github.com/openai/openai-node, `shouldRetry` in src/client.ts).
	 */
	retry?: false;
	/** Sent as `Allow`, for 405. */
	allow?: string;
	/** The offending field, as OpenAI's `error.param` has it: `messages[3].content`. */
	param?: string;
	/** More facts for the client, as `error.details`. */
	details?: Readonly<Record<string, unknown>>;
	cause?: unknown;
}

/** An error whose message may be shown to a client. Anything else that is thrown is a 500 without detail. */
export class RollpinError extends Error {
	readonly code: ErrorCode;
	readonly status: number;
	readonly retryAfterS: number | undefined;
	readonly retry: false | undefined;
	readonly allow: string | undefined;
	readonly param: string | undefined;
	readonly details: Readonly<Record<string, unknown>> | undefined;

	constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.name = "RollpinError";
		this.code = code;
		this.status = options.status ?? ERROR_STATUS[code];
		this.retryAfterS = options.retryAfterS;
		this.retry = options.retry;
		this.allow = options.allow;
		this.param = options.param;
		this.details = options.details;
	}
}

/** A bad flag, file or setting: one line, exit code 2. The message names the flag, the rule and the remedy. */
export class ConfigError extends Error {
	constructor(message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = "ConfigError";
	}
}

/** OpenAI's `error.type` for a status. */
export function errorType(status: number): string {
	if (status === 401) return "authentication_error";
	if (status === 403) return "permission_error";
	if (status === 404) return "not_found_error";
	if (status === 429) return "rate_limit_error";
	if (status < 500) return "invalid_request_error";
	return "server_error";
}

/** The headers of an error reply beside those of its body, names and values in turn. */
export function errorHeaders(error: RollpinError): string[] {
	return [
		...(error.retryAfterS === undefined ? [] : ["retry-after", String(error.retryAfterS)]),
		...(error.retry === false ? ["x-should-retry", "false"] : []),
		...(error.allow === undefined ? [] : ["allow", error.allow]),
		...(error.status === 401 ? ["www-authenticate", "Bearer"] : []),
	];
}

/** The OpenAI-shaped body of an error reply: `{"error":{"message","type","code"}}`. */
export function errorBody(error: {
	code: string;
	status: number;
	message: string;
	param?: string | undefined;
	details?: Readonly<Record<string, unknown>> | undefined;
}): string {
	return JSON.stringify({
		error: {
			message: error.message,
			type: errorType(error.status),
			code: error.code,
			param: error.param,
			details: error.details,
		},
	});
}
