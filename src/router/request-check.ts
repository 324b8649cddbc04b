// What a request is refused for before anything looks at its path's meaning: browser, token, coding, size. Pure.
import { RollpinError } from "../base/errors.js";
import type { Authorize } from "./auth.js";
import type { BrowserGuard } from "./browser-guard.js";
import type { RequestHead } from "./request-head.js";

/** What a supervisor and a balancer ask, who have no token. */
const OPEN = /^\/(?:health|ready)(?:\?|$)/;

/**
 * @param target the request target as sent
 * @param guard null where a token tells clients from pages
 * @returns why the request goes no further, or null
 */
export function checkRequest(
	target: string,
	head: RequestHead,
	authorize: Authorize,
	maxBodyBytes: number,
	guard: BrowserGuard | null = null,
): RollpinError | null {
	if (head.fault !== null) return new RollpinError(head.fault.code, head.fault.message);
	const page = guard?.(head) ?? null;
	if (page !== null) return page;
	const open = OPEN.test(target);
	if (!open && !authorize(head.authorizations)) {
		return new RollpinError("unauthorized", "a valid bearer token is required");
	}
	if (head.contentEncoding !== null && head.contentEncoding.toLowerCase() !== "identity") {
		return new RollpinError(
			"unsupported_media_type",
			"a request body must not have a content-encoding; send it plain",
		);
	}
	if (head.contentLength > maxBodyBytes) {
		return new RollpinError("body_too_large", `a body may have ${maxBodyBytes} bytes`);
	}
	return null;
}
