// The most recent tombstones, oldest out first. Order is the order of burying, never the wall clock.
import type { SessionId } from "../../base/ids.js";
import type { Tombstone } from "../store.js";

/** A bounded map of tombstones; burying an id again makes it the newest. */
export class TombstoneRing {
	readonly #limit: number;
	readonly #byId = new Map<SessionId, Tombstone>();

	constructor(limit: number) {
		this.#limit = limit;
	}

	get size(): number {
		return this.#byId.size;
	}

	get(id: SessionId): Tombstone | undefined {
		const tombstone = this.#byId.get(id);
		return tombstone === undefined ? undefined : { ...tombstone };
	}

	/** Adds the newest and returns the ids that fell out. */
	add(tombstone: Tombstone): SessionId[] {
		this.#byId.delete(tombstone.id);
		this.#byId.set(tombstone.id, { ...tombstone });
		const fallen: SessionId[] = [];
		for (const id of this.#byId.keys()) {
			if (this.#byId.size <= this.#limit) break;
			this.#byId.delete(id);
			fallen.push(id);
		}
		return fallen;
	}

	delete(id: SessionId): void {
		this.#byId.delete(id);
	}
}
