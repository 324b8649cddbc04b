// The checks of /health as they travel from the primary to the router, and what they come to. Pure.

/** `detail`: what it means and what to do, in one line; null when there is nothing to do. */
export interface Check<State extends string> {
	state: State;
	detail: string | null;
}

/** What /health says is well, or not. */
export interface Checks {
	workers: Check<"ok" | "degraded">;
	engine: Check<"ok" | "failing" | "unreachable" | "unknown">;
	store: Check<"ok" | "low" | "full" | "refused">;
	log: Check<"ok" | "dropping">;
	/** Absent where there are no sandboxes. */
	sandboxes?: Check<"ok" | "failing">;
}

/** What is not known yet is no reason to worry. */
export function areWell(checks: Checks): boolean {
	return Object.values(checks).every(({ state }) => state === "ok" || state === "unknown");
}
