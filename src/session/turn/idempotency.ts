// Exactly-once turns: a repeated request is recognised by its Idempotency-Key and the hash of its body. Stores nothing.
import { createHash } from "node:crypto";
import { RollpinError } from "../../base/errors.js";
import type { TurnHeader } from "../../store/store.js";

export interface IdempotentRequest {
	key: string;
	body: Buffer;
}

export type Fingerprint = NonNullable<TurnHeader["idempotency"]>;

export function fingerprintOf(request: IdempotentRequest): Fingerprint {
	return { key: request.key, requestSha256: createHash("sha256").update(request.body).digest("hex") };
}

/**
 * True when `made` is the turn of this very request.
 * @throws RollpinError `idempotency_mismatch` when the key was used with another body
 */
export function isRepeat(request: Fingerprint, made: Fingerprint | null): boolean {
	if (made?.key !== request.key) return false;
	if (made.requestSha256 === request.requestSha256) return true;
	throw new RollpinError(
		"idempotency_mismatch",
		"this Idempotency-Key was used with another body; use a new key for a new request",
	);
}
