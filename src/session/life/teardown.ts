// How a session ends: closed, dumped, buried, its resources closed. A removal that fails is kept for another try.
import type { Clock } from "../../base/clock.js";
import type { SessionId } from "../../base/ids.js";
import type { Obligation, Store } from "../../store/store.js";
import type { ResourceKeeper } from "./resource-keeper.js";
import type { CloseReason, Session } from "./session.js";

/** Runs on an expired session before it is buried; when it throws, the session stays stored until a later try. */
export type BeforeExpiry = (session: Session) => Promise<void>;

export interface TeardownParts {
	store: Store;
	clock: Clock;
	resources: ResourceKeeper;
	beforeExpiry: BeforeExpiry;
	/** Called in the same step in which this learns that the store has forgotten the session. */
	buried(session: Session): void;
}

export class Teardown {
	readonly #parts: TeardownParts;
	/** Closed sessions whose removal from the store failed. */
	readonly #unburied = new Map<SessionId, Session>();

	constructor(parts: TeardownParts) {
		this.#parts = parts;
	}

	/** The session whose removal failed, if it was closed for this reason. */
	unburied(id: SessionId, reason: CloseReason): Session | undefined {
		const session = this.#unburied.get(id);
		return session?.closing === reason ? session : undefined;
	}

	/** The sessions whose removal failed, and that nobody has taken over. */
	failed(): Session[] {
		return [...this.#unburied.values()];
	}

	/** Takes the removal that failed over; false when there is none, or somebody else took it. */
	takeOver(id: SessionId): boolean {
		return this.#unburied.delete(id);
	}

	/**
	 * Removes the session, and returns how many chats that cancelled. Closing is marked before the first await, so nobody
	 * else can begin the same and nothing new can start. A deleted session's resources have had their first attempt to
	 * close when this resolves; an expired one's are closed after it.
	 * @throws what the dump or the store throws; the session stays closed to everybody
	 */
	async bury(session: Session, reason: CloseReason): Promise<number> {
		const { store, clock, resources, beforeExpiry, buried } = this.#parts;
		const { id } = session.meta;
		const cancelled = session.closing === null ? await session.close(reason, clock.nowS()) : 0;
		const why = session.closing ?? reason;
		let obligations: Obligation[];
		try {
			// Nothing is added to them any more: whoever opens one asks first whether the session is closing.
			obligations = await store.obligationsOf(id);
			if (why === "expired") await beforeExpiry(session);
			await store.commit([{ op: "bury", tombstone: { id, reason: why, at: session.closedAtS } }]);
		} catch (error) {
			// A repeated DELETE or the next sweep tries again.
			this.#unburied.set(id, session);
			throw error;
		}
		buried(session);
		if (why === "expired") resources.releaseLater(obligations);
		else await resources.release(obligations);
		return cancelled;
	}
}
