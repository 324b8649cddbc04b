// All sessions of one worker: create, find, delete, expire. The only place where a session comes or goes.
import type { Clock } from "../../base/clock.js";
import { RollpinError } from "../../base/errors.js";
import type { SessionId } from "../../base/ids.js";
import type { SessionMeta, Store } from "../../store/store.js";
import { extendedDeadline } from "./deadlines.js";
import { HotStates } from "./hot-states.js";
import { type CreateOptions, newSession } from "./new-session.js";
import { Reaper } from "./reaper.js";
import type { RegistryEvents, RegistryHooks, RegistryOptions } from "./registry-options.js";
import { ResourceKeeper } from "./resource-keeper.js";
import { goneError, Session } from "./session.js";
import { Teardown } from "./teardown.js";

const SWEEP_INTERVAL_MS = 30_000;
/** So long a session's rebuildable state is kept without a request. Rebuilding takes milliseconds, beside such a pause. */
const COOL_AFTER_MS = 60_000;

export class SessionRegistry {
	/** What the sessions have outside the store. */
	readonly resources: ResourceKeeper;
	readonly #store: Store;
	readonly #options: RegistryOptions;
	readonly #events: RegistryEvents;
	readonly #clock: Clock;
	readonly #sessions = new Map<SessionId, Session>();
	/** Ids whose first request is writing the new session; others wait for it. */
	readonly #creating = new Map<SessionId, Promise<Session>>();
	/** Counts removals, so that a lookup that was overtaken by one can tell. */
	#burials = 0;
	readonly #teardown: Teardown;
	readonly #reaper: Reaper;
	readonly #hotStates: HotStates;
	#sweeper: NodeJS.Timeout | null = null;
	/** One for all sessions. */
	readonly #maxQueue = (): number => this.#options.maxQueuePerSession;

	constructor(
		store: Store,
		options: RegistryOptions,
		events: RegistryEvents,
		clock: Clock,
		{ beforeExpiry = async () => {}, resources = [], owns = () => true }: RegistryHooks = {},
	) {
		this.#hotStates = new HotStates(options.hotBytesBudget);
		this.#store = store;
		this.#options = options;
		this.#events = events;
		this.#clock = clock;
		this.resources = new ResourceKeeper({ store, clock, resources, owns, failed: events.resourceFailed });
		const buried = (session: Session) => this.#forget(session);
		this.#teardown = new Teardown({ store, clock, resources: this.resources, beforeExpiry, buried });
		this.#reaper = new Reaper(this.#teardown, options, events, clock);
	}

	/** Restores every stored session's deadline; what fell due while nobody ran is torn down before this resolves. */
	async start(): Promise<void> {
		for await (const meta of this.#store.sessions()) this.#adopt(meta);
		// After that: the store has looked at every session, and knows what each owes.
		await this.resources.start();
		await this.#reaper.start();
		void this.resources.sweep();
		this.#sweeper = setInterval(() => void this.sweep(), SWEEP_INTERVAL_MS);
		this.#sweeper.unref();
	}

	stop(): void {
		if (this.#sweeper !== null) clearInterval(this.#sweeper);
		this.#reaper.stop();
		this.resources.stop();
	}

	get size(): number {
		return this.#sessions.size;
	}

	/** Chats waiting for a lock, over all sessions. */
	get queueDepth(): number {
		let depth = 0;
		for (const session of this.#sessions.values()) depth += session.chatsWaiting;
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
		if (this.#isKnown(id)) {
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
			if (!this.#isKnown(id) && burials === this.#burials) return undefined;
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
			this.#reaper.arm(session);
			if (session.inflight === 0) this.#hotStates.used(session);
		};
	}

	/** Closes, waits until nothing runs, and buries. Throws the 404 when somebody else does the same, or it is gone. */
	async delete(id: SessionId): Promise<void> {
		const session = this.#teardown.unburied(id, "deleted") ?? (await this.#toDelete(id));
		if (session === null) return;
		// Another DELETE may have come first between the lookup's end and here; only a failed one may be repeated.
		if (!this.#teardown.takeOver(id)) session.refuseWhenClosing();
		this.#reaper.disarm(session);
		const cancelled = await this.#teardown.bury(session, "deleted");
		this.#events.deleted(session.meta, cancelled);
	}

	/**
	 * Moves the deadline to `ttlS` from now.
	 * @throws RollpinError `invalid_request` when that is past the maximum since creation
	 */
	async extend(id: SessionId, ttlS: number): Promise<SessionMeta> {
		const session = await this.get(id);
		const expiresAt = extendedDeadline(session.meta, ttlS, this.#options.maxSessionTtlS, this.#clock.nowS());
		const done = this.use(session);
		return session
			.write(async () => {
				session.refuseWhenClosing();
				const meta = { ...session.metaToStore, expiresAt };
				await this.#store.commit([{ op: "put_session", meta }]);
				session.meta = meta;
				session.deadlineMs = this.#clock.monotonicMs() + ttlS * 1000;
				this.#reaper.arm(session);
				return meta;
			})
			.finally(done);
	}

	/** Another idle limit is in force: some sessions may be due before the time at which they were to be looked at. */
	idleLimitChanged(): void {
		for (const session of this.#sessions.values()) this.#reaper.arm(session);
	}

	/** Ends the chats of all sessions, but not those whose commit has begun; the sessions stay. */
	endChats(reason: RollpinError): void {
		for (const session of this.#sessions.values()) session.endChats(() => reason);
	}

	/** Tears down everything that is due, and closes what is left of resources. */
	async sweep(): Promise<void> {
		this.#hotStates.coolUnused(this.#clock.monotonicMs() - COOL_AFTER_MS);
		await this.#reaper.sweep();
		// Not waited for: what holds a resource may be slow, or down.
		void this.resources.sweep();
	}

	/** Null: too damaged to be known by its id, and buried. */
	async #toDelete(id: SessionId): Promise<Session | null> {
		try {
			return await this.get(id);
		} catch (error) {
			if (!(error instanceof RollpinError && error.code === "store_damaged")) throw error;
			const tombstone = { id, reason: "deleted", at: this.#clock.nowS() } as const;
			await this.#store.commit([{ op: "bury", tombstone }]);
			return null;
		}
	}

	#isKnown(id: SessionId): boolean {
		return this.#sessions.has(id) || this.#creating.has(id);
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
		const meta = newSession(id, options, this.#options.sessionTtlS, this.#clock.nowS());
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
			maxQueue: this.#maxQueue,
			deadlineMs: nowMs + (meta.expiresAt - nowS) * 1000,
			lastUsedMs: nowMs - Math.max(0, nowS - meta.lastUsedAt) * 1000,
		});
		this.#sessions.set(meta.id, session);
		this.#reaper.arm(session);
		return session;
	}

	#forget(session: Session): void {
		const { id } = session.meta;
		this.#burials++;
		this.#sessions.delete(id);
		this.#reaper.disarm(session);
		this.#hotStates.forget(session);
	}
}
