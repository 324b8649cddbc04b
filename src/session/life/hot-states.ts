// Keeps the memory of sessions that nothing runs in within a budget. Forgets only what the store can give back.
import type { Session } from "./session.js";

export class HotStates {
	readonly #budget: number;
	/** Bytes by session, least recently used first. */
	readonly #held = new Map<Session, number>();
	#total = 0;

	/** @param budget bytes */
	constructor(budget: number) {
		this.#budget = budget;
	}

	/** The last request of a session has ended. */
	used(session: Session): void {
		this.forget(session);
		const bytes = session.closing === null ? session.hotBytes : 0;
		if (bytes > 0) {
			// Set anew, it is the map's last one.
			this.#held.set(session, bytes);
			this.#total += bytes;
		}
		for (const candidate of this.#held.keys()) {
			if (this.#total <= this.#budget) break;
			if (candidate.inflight > 0) continue;
			candidate.cool();
			this.forget(candidate);
		}
	}

	/** Cools sessions that were last used before `usedMs`, on the clock of `Session.lastUsedMs`. */
	coolUnused(usedMs: number): void {
		for (const candidate of this.#held.keys()) {
			// Of one in use, requests may have ended since it took its place.
			if (candidate.inflight > 0) continue;
			if (candidate.lastUsedMs >= usedMs) break;
			candidate.cool();
			this.forget(candidate);
		}
	}

	/** The session is gone, or cool. */
	forget(session: Session): void {
		this.#total -= this.#held.get(session) ?? 0;
		this.#held.delete(session);
	}
}
