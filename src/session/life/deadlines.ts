// When a session is due. Pure; on the monotonic clock, so that a jump of the wall clock reaps nobody early.
import { RollpinError } from "../../base/errors.js";
import type { SessionMeta } from "../../store/store.js";

export interface DueInput {
	/** Monotonic milliseconds. */
	deadlineMs: number;
	lastUsedMs: number;
	inflight: number;
}

export interface Due {
	atMs: number;
	reason: "ttl" | "idle";
}

/** The earlier of lifetime and idle limit; a session with a request under way is never idle. */
export function nextDue(session: DueInput, idleTtlS: number): Due {
	const idleAt = session.lastUsedMs + idleTtlS * 1000;
	if (idleTtlS === 0 || session.inflight > 0 || idleAt >= session.deadlineMs) {
		return { atMs: session.deadlineMs, reason: "ttl" };
	}
	return { atMs: idleAt, reason: "idle" };
}

/**
 * The wall clock time of a deadline `ttlS` from now, float Unix seconds.
 * @throws RollpinError `invalid_request` when that is past the maximum since the session's creation
 */
export function extendedDeadline(
	{ createdAt }: Pick<SessionMeta, "createdAt">,
	ttlS: number,
	maxTtlS: number,
	nowS: number,
): number {
	const roomS = Math.floor(createdAt + maxTtlS - nowS);
	if (ttlS > roomS) {
		throw new RollpinError(
			"invalid_request",
			`ttl_seconds is ${ttlS}, but this session may live ${maxTtlS} s since its creation; ` +
				`send at most ${Math.max(0, roomS)}`,
			{ param: "ttl_seconds" },
		);
	}
	return nowS + ttlS;
}
