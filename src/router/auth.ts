// The bearer check of every route but /health. Compares in constant time; never says what was wrong.
import { createHash, timingSafeEqual } from "node:crypto";

/** True when the request's `authorization` header values allow it. */
export type Authorize = (authorizations: readonly string[]) => boolean;

/**
 * @param token the only valid bearer token; null: every request is allowed, whatever it carries
 */
export function createAuthorize(token: string | null): Authorize {
	if (token === null) return () => true;
	const expected = digest(token);
	return (authorizations) => {
		// Two headers are one too many: a proxy in between may have judged the other one.
		const [only] = authorizations;
		if (authorizations.length !== 1 || only === undefined) return false;
		const given = /^bearer +(.+)$/i.exec(only)?.[1];
		return given !== undefined && timingSafeEqual(digest(given), expected);
	};
}

/** Digests have one length, so that the comparison tells nothing of the token's. */
function digest(text: string): Buffer {
	return createHash("sha256").update(text, "latin1").digest();
}
