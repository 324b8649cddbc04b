// All sessions of one worker: create, find, delete, expire. The only place where a session comes or goes.
import type { Clock } from "../../base/clock.js";
import { RollpinError } from "../../base/errors.js";
import type { SessionId, TurnId } from "../../base/ids.js";
import type { SessionMeta, Store } from "../../store/store.js";
import { type Due, nextDue } from "./deadlines.js";
import { HotStates } from "./hot-states.js";
import { type CloseReason, goneError, Session } from "./session.js";

export interface RegistryOptions {
	sessionTtlS: number;
	maxSessionTtlS: number;
	/** 0: off. */
	idleTtlS: number;
	maxSessions: number;
	maxQueuePerSession: number;
	/** Bytes of rebuildable state kept for sessions that nothing runs in. */
	hotBytesBudget: number;
}

export interface RegistryEvents {
	created(meta: SessionMeta): void;
	deleted(meta: SessionMeta, cancelled: number): void;
	reaped(meta: SessionMeta, reason: Due["reason"], overdueMs: number): void;
	/** A sweep has ended. */
	swept(sweepMs: number, reaped: number, overdue: number): void;
	/** A teardown that failed; it is tried again by the next sweep. */
	failed(id: SessionId, error: unknown): void;
}

/** Runs on an expired session before it is buried; when it throws, the session stays stored until a later try. */
export type BeforeExpiry = (session: Session) => Promise<void>;

export interface CreateOptions {
	ttlS?: number | undefined;
	metadataJson?: string | null;
	overridesJson?: string | null;
	/** In place of the launch's. */
	mode?: SessionMeta["mode"];
	messageMatcher?: SessionMeta["messageMatcher"];
}

/** Longest delay a timer can have; longer waits are cut in pieces. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const SWEEP_INTERVAL_MS = 30_000;
/** So long a session's rebuildable state is kept without a request. Rebuilding takes milliseconds, beside such a pause. */
const COOL_AFTER_MS = 60_000;

export class SessionRegistry {
	readonly #store: Store;
	readonly #options: RegistryOptions;
	readonly #events: RegistryEvents;
	readonly #clock: Clock;
	readonly #sessions = new Map<SessionId, Session>();
	readonly #timers = new Map<SessionId, NodeJS.Timeout>();
	/** Ids whose first chat is writing the new session; others wait for it. */
	readonly #creating = new Map<SessionId, Promise<Session>>();
	/** Closed sessions whose removal from the store failed. */
	readonly #unburied = new Map<SessionId, Session>();
	/** Counts removals, so that a lookup that was overtaken by one can tell. */
	#burials = 0;
	readonly #beforeExpiry: BeforeExpiry;
	readonly #hotStates: HotStates;
	#sweeper: NodeJS.Timeout | null = null;

	constructor(
		store: Store,
		options: RegistryOptions,
		events: RegistryEvents,
		clock: Clock,
		beforeExpiry: BeforeExpiry = async () => {},
	) {
		this.#beforeExpiry = beforeExpiry;
		this.#hotStates = new HotStates(options.hotBytesBudget);
		this.#store = store;
		this.#options = options;
		this.#events = events;
		this.#clock = clock;
	}

	/** Restores every stored session's deadline; what fell due while nobody ran is torn down before this resolves. */
	async start(): Promise<void> {
		for await (const meta of this.#store.sessions()) this.#adopt(meta);
		await this.sweep();
		this.#sweeper = setInterval(() => void this.sweep(), SWEEP_INTERVAL_MS);
		this.#sweeper.unref();
	}

	stop(): void {
		if (this.#sweeper !== null) clearInterval(this.#sweeper);
		for (const timer of this.#timers.values()) clearTimeout(timer);
		this.#timers.clear();
	}

	get size(): number {
		return this.#sessions.size;
	}

	/** Chats waiting for a lock, over all sessions. */
	get queueDepth(): number {
		let depth = 0;
		for (const session of this.#sessions.values()) depth += session.lock.waiting;
		return depth;
	}

	/** Live sessions in no particular, but stable, order. */
	values(): IterableIterator<Session> {
		return this.#sessions.values();
	}

	/**
	 * A new session under `id`.
	 * @throws RollpinError `too_many_requests` over `maxSessions`, `session_state_conflict` when the id is live
	 */
	async create(id: SessionId, options: CreateOptions = {}): Promise<Session> {
		if (this.#sessions.has(id) || this.#creating.has(id)) {
			throw new RollpinError("session_state_conflict", `session ${id} exists already; choose another id`);
		}
		return this.#createOnce(id, options);
	}

	/** The live session, or undefined for a never-seen id. Throws the 404 of a deleted or expired one. */
	async find(id: SessionId): Promise<Session | undefined> {
		for (;;) {
			const session = this.#sessions.get(id) ?? (await this.#creating.get(id));
			if (session !== undefined) {
				session.refuseWhenClosing();
				return session;
			}
			const burials = this.#burials;
			const tombstone = await this.#store.tombstone(id);
			if (tombstone !== undefined) throw goneError(id, tombstone.reason, tombstone.at);
			// While the tombstone was looked up the id may have been created, and even deleted again: then this answer
			// is out of date, and believing it would bring a deleted session back.
			const known = this.#sessions.has(id) || this.#creating.has(id);
			if (!known && burials === this.#burials) return undefined;
		}
	}

	/** As `find`, but a never-seen id is created. */
	async findOrCreate(id: SessionId): Promise<Session> {
		const session = await this.find(id);
		if (session !== undefined) return session;
		// `find` has settled in the same turn of the event loop, but not in the same step: look once more.
		return this.#sessions.get(id) ?? (await (this.#creating.get(id) ?? this.#createOnce(id, {})));
	}

	/** As `find`, but a never-seen id is a 404 too. */
	async get(id: SessionId): Promise<Session> {
		const session = await this.find(id);
		if (session === undefined) throw goneError(id, null);
		return session;
	}

	/** Marks a request under way; call the returned function at its end. Holds off the idle limit meanwhile. */
	use(session: Session): () => void {
		session.inflight++;
		let ended = false;
		return () => {
			if (ended) return;
			ended = true;
			session.inflight--;
			session.lastUsedMs = this.#clock.monotonicMs();
			this.#arm(session);
			if (session.inflight === 0) this.#hotStates.used(session);
		};
	}

	/** Closes, waits until nothing runs, and buries. Throws the 404 when somebody else is at it or it is gone. */
	async delete(id: SessionId): Promise<void> {
		const unburied = this.#unburied.get(id);
		const session = unburied?.closing === "deleted" ? unburied : await this.get(id);
		// Another DELETE may have come first between the lookup's end and here; only a failed one may be repeated.
		if (!this.#unburied.delete(id)) session.refuseWhenClosing();
		const cancelled = await this.#bury(session, "deleted");
		this.#events.deleted(session.meta, cancelled);
	}

	/**
	 * Moves the deadline to `ttlS` from now.
	 * @throws RollpinError `invalid_request` when that is past the maximum since creation
	 */
	async extend(id: SessionId, ttlS: number): Promise<SessionMeta> {
		const session = await this.get(id);
		const now = this.#clock.nowS();
		const roomS = Math.floor(session.meta.createdAt + this.#options.maxSessionTtlS - now);
		if (ttlS > roomS) {
			throw new RollpinError(
				"invalid_request",
				`ttl_seconds is ${ttlS}, but this session may live ${this.#options.maxSessionTtlS} s since its creation; ` +
					`send at most ${Math.max(0, roomS)}`,
				{ param: "ttl_seconds" },
			);
		}
		const done = this.use(session);
		return session
			.write(async () => {
				session.refuseWhenClosing();
				const meta = { ...session.metaToStore, expiresAt: now + ttlS };
				await this.#store.commit([{ op: "put_session", meta }]);
				session.meta = meta;
				session.deadlineMs = this.#clock.monotonicMs() + ttlS * 1000;
				this.#arm(session);
				return meta;
			})
			.finally(done);
	}

	/** Tears down everything that is due. Timers do the same one by one; this catches what they missed. */
	async sweep(): Promise<void> {
		const now = this.#clock.monotonicMs();
		this.#hotStates.coolUnused(now - COOL_AFTER_MS);
		let overdue = 0;
		let reaped = 0;
		for (const session of [...this.#sessions.values()]) {
			if (session.closing !== null && !this.#unburied.delete(session.meta.id)) continue;
			const due = nextDue(session, this.#options.idleTtlS);
			if (due.atMs > now && session.closing === null) continue;
			overdue++;
			if (await this.#expire(session, due)) reaped++;
		}
		this.#events.swept(this.#clock.monotonicMs() - now, reaped, overdue);
	}

	#createOnce(id: SessionId, options: CreateOptions): Promise<Session> {
		const creating = this.#write(id, options).finally(() => this.#creating.delete(id));
		this.#creating.set(id, creating);
		return creating;
	}

	async #write(id: SessionId, options: CreateOptions): Promise<Session> {
		if (this.#sessions.size + this.#creating.size >= this.#options.maxSessions) {
			throw new RollpinError(
				"too_many_requests",
				`this worker has ${this.#sessions.size} sessions, its limit; delete finished ones or raise --max-sessions`,
				{ retryAfterS: 10 },
			);
		}
		const now = this.#clock.nowS();
		const meta: SessionMeta = {
			id,
			createdAt: now,
			expiresAt: now + (options.ttlS ?? this.#options.sessionTtlS),
			lastUsedAt: now,
			metadataJson: options.metadataJson ?? null,
			overridesJson: options.overridesJson ?? null,
			head: null,
			provisional: null,
			nextTurn: 0 as TurnId,
			turnCount: 0,
			tokenCount: 0,
			...(options.mode === undefined ? {} : { mode: options.mode }),
			...(options.messageMatcher === undefined ? {} : { messageMatcher: options.messageMatcher }),
		};
		await this.#store.commit([{ op: "put_session", meta }]);
		const session = this.#adopt(meta);
		this.#events.created(meta);
		return session;
	}

	#adopt(meta: SessionMeta): Session {
		const nowMs = this.#clock.monotonicMs();
		const nowS = this.#clock.nowS();
		const session = new Session({
			meta,
			store: this.#store,
			maxQueue: this.#options.maxQueuePerSession,
			deadlineMs: nowMs + (meta.expiresAt - nowS) * 1000,
			lastUsedMs: nowMs - Math.max(0, nowS - meta.lastUsedAt) * 1000,
		});
		this.#sessions.set(meta.id, session);
		this.#arm(session);
		return session;
	}

	#arm(session: Session): void {
		if (session.closing !== null) return;
		const { id } = session.meta;
		clearTimeout(this.#timers.get(id));
		const due = nextDue(session, this.#options.idleTtlS);
		const delayMs = Math.min(MAX_TIMER_MS, Math.max(0, due.atMs - this.#clock.monotonicMs()));
		const timer = setTimeout(() => void this.#onTimer(session), delayMs);
		timer.unref();
		this.#timers.set(id, timer);
	}

	async #onTimer(session: Session): Promise<void> {
		if (session.closing !== null) return;
		const due = nextDue(session, this.#options.idleTtlS);
		// Timers may fire a millisecond early, and a long wait comes in pieces.
		if (due.atMs > this.#clock.monotonicMs()) this.#arm(session);
		else await this.#expire(session, due);
	}

	async #expire(session: Session, due: Due): Promise<boolean> {
		try {
			await this.#bury(session, "expired");
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

	/** Closing is marked before the first await, so no two callers can be at it and nothing new can begin. */
	async #bury(session: Session, reason: CloseReason): Promise<number> {
		const { id } = session.meta;
		clearTimeout(this.#timers.get(id));
		const cancelled = session.closing === null ? await session.close(reason, this.#clock.nowS()) : 0;
		const why = session.closing ?? reason;
		try {
			if (why === "expired") await this.#beforeExpiry(session);
			await this.#store.commit([{ op: "bury", tombstone: { id, reason: why, at: session.closedAtS } }]);
		} catch (error) {
			// It stays closed to everybody, and a repeated DELETE or the next sweep tries the bury again.
			this.#unburied.set(id, session);
			throw error;
		}
		this.#burials++;
		this.#sessions.delete(id);
		this.#timers.delete(id);
		this.#hotStates.forget(session);
		return cancelled;
	}
}
