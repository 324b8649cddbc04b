// Ends sessions when their time is over: one timer for the earliest, and sweeps that catch what it missed.
import type { Clock } from "../../base/clock.js";
import type { SessionId } from "../../base/ids.js";
import { background } from "../../base/pace.js";
import type { SessionMeta } from "../../store/store.js";
import { type Due, nextDue } from "./deadlines.js";
import { DueQueue } from "./due-queue.js";
import type { RegistryOptions } from "./registry-options.js";
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
/** Teardowns at once: many sessions that were made together are due together, and each may write a dump. */
const TEARDOWNS_AT_ONCE = 64;

export class Reaper {
	readonly #teardown: Teardown;
	readonly #options: Readonly<Pick<RegistryOptions, "idleTtlS">>;
	readonly #events: ReaperEvents;
	readonly #clock: Clock;
	/** Each session at a time at which it is not due yet, or just so: later ones are found out then, not at every request. */
	readonly #queue = new DueQueue<Session>();
	#timer: NodeJS.Timeout | null = null;
	/** Infinity: it is not set; -Infinity: nor is it to be. */
	#timerAtMs = Number.NEGATIVE_INFINITY;
	#running = 0;

	/** @param options looked at again and again: a reload changes them */
	constructor(
		teardown: Teardown,
		options: Readonly<Pick<RegistryOptions, "idleTtlS">>,
		events: ReaperEvents,
		clock: Clock,
	) {
		this.#teardown = teardown;
		this.#options = options;
		this.#events = events;
		this.#clock = clock;
	}

	/** Tears down what is due already; only then the timer begins to do so. */
	async start(): Promise<void> {
		await this.sweep();
		this.#timerAtMs = Number.POSITIVE_INFINITY;
		this.#watchFirst();
	}

	/** The session is new, was used, or has another deadline. One that is due already does not wait for a timer or a sweep. */
	arm(session: Session): void {
		if (session.closing !== null) return;
		const { atMs } = nextDue(session, this.#options.idleTtlS);
		const overdue = atMs <= this.#clock.monotonicMs();
		if (session.queueIndex !== -1 && session.queuedAtMs <= atMs && !overdue) return;
		this.#queue.set(session, atMs);
		if (overdue || atMs < this.#timerAtMs) this.#setTimer(atMs);
	}

	disarm(session: Session): void {
		this.#queue.delete(session);
	}

	stop(): void {
		this.#queue.clear();
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timerAtMs = Number.NEGATIVE_INFINITY;
	}

	/** Tears down every session that is due, and those whose removal failed before. */
	async sweep(): Promise<void> {
		const startedMs = this.#clock.monotonicMs();
		const { reaped, taken } = await this.#tearDown(this.#teardown.failed());
		this.#events.swept(this.#clock.monotonicMs() - startedMs, reaped, taken);
	}

	#setTimer(atMs: number): void {
		if (this.#timerAtMs === Number.NEGATIVE_INFINITY) return;
		if (this.#timer !== null) clearTimeout(this.#timer);
		this.#timerAtMs = atMs;
		const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, atMs - this.#clock.monotonicMs()));
		this.#timer = setTimeout(() => this.#onTimer(), delayMs);
		this.#timer.unref();
	}

	#onTimer(): void {
		this.#timerAtMs = Number.POSITIVE_INFINITY;
		// Timers may fire a millisecond early, and a long wait takes several: then nothing is due.
		void this.#tearDown([]);
	}

	/** The sessions given, and all that are due, a few at a time. What others have begun is not waited for. */
	async #tearDown(failed: Session[]): Promise<{ reaped: number; taken: number }> {
		const counts = { reaped: 0, taken: 0 };
		const all: Promise<void>[] = [];
		const begin = (): void => {
			if (this.#running >= TEARDOWNS_AT_ONCE) return;
			if (failed.length === 0 && !this.#isDue(this.#queue.first)) return;
			this.#running++;
			all.push(
				oneByOne().finally(() => {
					this.#running--;
					this.#watchFirst();
				}),
			);
		};
		const oneByOne = async (): Promise<void> => {
			for (;;) {
				if (background.isOver) await background.breathe();
				const session = failed.shift() ?? this.#queue.first;
				if (session === undefined) return;
				const due = nextDue(session, this.#options.idleTtlS);
				if (session.closing !== null) {
					this.#queue.delete(session);
					// Its removal failed before, and somebody else may have taken it over by now.
					if (!this.#teardown.takeOver(session.meta.id)) continue;
				} else if (due.atMs > this.#clock.monotonicMs()) {
					if (!this.#isDue(session)) return;
					// Used since it was put in: back to where it belongs now.
					this.#queue.set(session, due.atMs);
					continue;
				}
				this.#queue.delete(session);
				begin();
				counts.taken++;
				if (await this.#expire(session, due)) counts.reaped++;
			}
		};
		begin();
		this.#watchFirst();
		for (let at = 0; at < all.length; at++) await all[at];
		return counts;
	}

	/** Has the timer fire for the earliest session, unless whoever runs will come to it. */
	#watchFirst(): void {
		const { first } = this.#queue;
		if (first === undefined || first.queuedAtMs >= this.#timerAtMs) return;
		if (this.#running === 0 || !this.#isDue(first)) this.#setTimer(first.queuedAtMs);
	}

	#isDue(session: Session | undefined): boolean {
		return session !== undefined && session.queuedAtMs <= this.#clock.monotonicMs();
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
