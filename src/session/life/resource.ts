// What a session has outside the store, a directory or a container: made, ended, found again. Decides when a failed end is tried again.
import type { SessionId } from "../../base/ids.js";

/**
 * One kind of thing that belongs to a session and must not outlive it. The handle is small JSON text that the caller
 * chooses, fresh for every new one, and that is stored before `open` is called: it must be enough to find the thing again,
 * whatever died in between. Calls for one handle come one after the other; a call that was given up may still be running.
 */
export interface SessionResource {
	/** Stored with every obligation, so it never changes: printable ASCII, one name for each kind. */
	readonly name: string;
	/**
	 * It is there when this resolves. Called again with the same handle, after a crash in the middle or for a repeated
	 * request, it takes over what is there. When it throws, `close` follows.
	 * @param signal fires when the session ends meanwhile: `close` waits for this call's end
	 */
	open(session: SessionId, handleJson: string, signal: AbortSignal): Promise<void>;
	/**
	 * Nothing of this handle is left when this resolves, whether it was there, half made, never made, closed before, or
	 * lost. Leaves the session's things of other handles alone. When it throws it is called again, later.
	 * @param signal fires when the caller gives this attempt up
	 */
	close(session: SessionId, handleJson: string, signal: AbortSignal): Promise<void>;
	/**
	 * Ends what is there of sessions that do not owe it. Lists first and asks then: a session's obligation is older than
	 * its thing. One that can't be ended does not keep the others; throws when something was left.
	 * @param isOwed also true of what is another worker's, or can't be told
	 */
	reconcile(isOwed: (session: SessionId) => Promise<boolean>): Promise<void>;
}

/** An attempt to close, or to reconcile, that failed. It is tried again. */
export interface ResourceFailure {
	resource: string;
	/** Null for a reconcile. */
	session: SessionId | null;
	/** Failed attempts so far. */
	failures: number;
	error: unknown;
}

const FIRST_RETRY_MS = 15_000;
const LONGEST_RETRY_MS = 600_000;

/** How long after its latest failure a close is tried again: twice as long each time, up to ten minutes. */
export function retryAfterMs(failures: number): number {
	return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
}
