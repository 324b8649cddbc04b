// Ends sessions when their time is over: a timer for each, and sweeps that catch what the timers missed.
import type { Clock } from "../../base/clock.js";
import type { SessionId } from "../../base/ids.js";
import type { SessionMeta } from "../../store/store.js";
import { type Due, nextDue } from "./deadlines.js";
import type { Session } from "./session.js";
import type { Teardown } from "./teardown.js";

export interface ReaperEvents {
	deleted(meta: SessionMeta, cancelled: number): void;
	reaped(meta: SessionMeta, reason: Due["reason"], overdueMs: number): void;
	/** A sweep has ended. */
	swept(sweepMs: number, reaped: number, overdue: number): void;
	/** A teardown that failed; it is tried again by the next sweep. */
	failed(id: SessionId, error: unknown): void;
}

/** Longest delay a timer can have; longer waits take several timers. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Reaper {
	readonly #teardown: Teardown;
	readonly #idleTtlS: number;
	readonly #events: ReaperEvents;
	readonly #clock: Clock;
	readonly #timers = new Map<SessionId, NodeJS.Timeout>();

	/** @param idleTtlS 0: off */
	constructor(teardown: Teardown, idleTtlS: number, events: ReaperEvents, clock: Clock) {
		this.#teardown = teardown;
		this.#idleTtlS = idleTtlS;
		this.#events = events;
		this.#clock = clock;
	}

	/** Sets the session's timer anew. */
	arm(session: Session): void {
		if (session.closing !== null) return;
		const { id } = session.meta;
		clearTimeout(this.#timers.get(id));
		const due = nextDue(session, this.#idleTtlS);
		const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, due.atMs - this.#clock.monotonicMs()));
		const timer = setTimeout(() => void this.#onTimer(session), delayMs);
		timer.unref();
		this.#timers.set(id, timer);
	}

	disarm(id: SessionId): void {
		clearTimeout(this.#timers.get(id));
		this.#timers.delete(id);
	}

	stop(): void {
		for (const timer of this.#timers.values()) clearTimeout(timer);
		this.#timers.clear();
	}

	/** Tears down every session that is due, and those whose removal failed before. */
	async sweep(sessions: readonly Session[]): Promise<void> {
		const now = this.#clock.monotonicMs();
		let overdue = 0;
		let reaped = 0;
		for (const session of sessions) {
			if (session.closing !== null && !this.#teardown.takeOver(session.meta.id)) continue;
			const due = nextDue(session, this.#idleTtlS);
			if (due.atMs > now && session.closing === null) continue;
			overdue++;
			if (await this.#expire(session, due)) reaped++;
		}
		this.#events.swept(this.#clock.monotonicMs() - now, reaped, overdue);
	}

	async #onTimer(session: Session): Promise<void> {
		if (session.closing !== null) return;
		const due = nextDue(session, this.#idleTtlS);
		// Timers may fire a millisecond early, and a long wait takes several.
		if (due.atMs > this.#clock.monotonicMs()) this.arm(session);
		else await this.#expire(session, due);
	}

	async #expire(session: Session, due: Due): Promise<boolean> {
		try {
			await this.#teardown.bury(session, "expired");
			if (session.closing === "deleted") {
				// A DELETE whose removal failed, and that was not repeated.
				this.#events.deleted(session.meta, 0);
				return false;
			}
			this.#events.reaped(session.meta, due.reason, this.#clock.monotonicMs() - due.atMs);
			return true;
		} catch (error) {
			this.#events.failed(session.meta.id, error);
			return false;
		}
	}
}
