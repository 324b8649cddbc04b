// Which sessions' images are in memory: a bound for those that nobody said to be cool. Knows no files.
import type { StoredSession } from "./stored-session.js";

/** About what an image takes, and a turn of it. */
const IMAGE_BYTES = 1500;
const TURN_BYTES = 1500;
const MOST_BYTES = 64 * 1024 * 1024;
const SHRINK_TO = 7 / 8;

export class Images {
	readonly #mostBytes: number;
	/** Bytes by session, least recently used first. */
	readonly #held = new Map<StoredSession, number>();
	#total = 0;

	constructor(mostBytes = MOST_BYTES) {
		this.#mostBytes = mostBytes;
	}

	/** The session's image is there, and was used now. */
	used(session: StoredSession): void {
		const before = this.#held.get(session) ?? 0;
		if (session.image === null) return;
		const bytes = IMAGE_BYTES + TURN_BYTES * session.image.size;
		if (before > 0) this.#held.delete(session);
		this.#held.set(session, bytes);
		this.#total += bytes - before;
		if (this.#total > this.#mostBytes) this.#shrink(session);
	}

	/** Lets the image go, unless it is being read or written. */
	forget(session: StoredSession): void {
		if (session.readers > 0) return;
		session.image = null;
		this.#total -= this.#held.get(session) ?? 0;
		this.#held.delete(session);
	}

	/** The session is no more, whoever reads it. */
	drop(session: StoredSession): void {
		session.image = null;
		this.#total -= this.#held.get(session) ?? 0;
		this.#held.delete(session);
	}

	/** Many at once: a map is walked from where its first entries stood, also over those that are gone. */
	#shrink(but: StoredSession): void {
		const enough = this.#mostBytes * SHRINK_TO;
		for (const session of this.#held.keys()) {
			if (session !== but) this.forget(session);
			if (this.#total <= enough) return;
		}
	}
}
