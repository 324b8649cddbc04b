// When a session is due. Pure; on the monotonic clock, so that a jump of the wall clock reaps nobody early.

export interface DueFacts {
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
export function nextDue(facts: DueFacts, idleTtlS: number): Due {
	const idleAt = facts.lastUsedMs + idleTtlS * 1000;
	if (idleTtlS === 0 || facts.inflight > 0 || idleAt >= facts.deadlineMs) {
		return { atMs: facts.deadlineMs, reason: "ttl" };
	}
	return { atMs: idleAt, reason: "idle" };
}
