// One live session: its stored facts, its lock, its running chats, and how it closes. Knows nothing of HTTP.
import type { CancelSignal } from "../../base/cancellation.js";
import { RollpinError } from "../../base/errors.js";
import type { TurnId } from "../../base/ids.js";
import type { ReadableStore, SessionMeta, TurnHeader } from "../../store/store.js";
import {
	loadOwnMessages,
	loadPath,
	loadTurnMessages,
	messageBytes,
	type PathState,
	type StoredMessage,
} from "../path/path-state.js";
import type { EarlierMessages } from "../path/request-messages.js";
import { EMPTY_HISTORY, type SessionHistory } from "../path/session-history.js";
import type { Queued } from "./due-queue.js";
import { SessionLock } from "./lock.js";
import { type SessionChat, SessionChats } from "./session-chats.js";

export type CloseReason = "deleted" | "expired";

/** Text of the 404 for an id that was never seen, or is gone; pinned by clients (docs/reference.md, Session errors). */
export function goneError(id: string, reason: CloseReason | null, atS?: number): RollpinError {
	const text = `session not found: session_id=${id}`;
	if (reason === null) return new RollpinError("session_not_found", text);
	const code = reason === "deleted" ? "session_deleted" : "session_expired";
	const details = { reason, at: atS ?? null };
	return new RollpinError(code, `${text} (${reason})`, { status: 404, details });
}

/** About what a turn takes in memory: its header here, and in the store the header's text and the places of its parts. */
const TURN_BYTES = 2100;

export class Session implements Queued {
	queuedAtMs = 0;
	queueIndex = -1;
	meta: SessionMeta;
	/** Made with its first use, as what follows is: most sessions of many are idle. */
	#lock: SessionLock | null = null;
	#writes: SessionLock | null = null;
	/** Monotonic time at which the lifetime ends, and the end of the last request. */
	deadlineMs: number;
	lastUsedMs: number;
	#closing: CloseReason | null = null;
	/** Float Unix seconds; set with the above. */
	#closedAtS = 0;
	/** Made with the first one; each is ended when the session closes. */
	#chats: SessionChats | null = null;
	/** One per Idempotency-Key in use, for chats that do not hold `lock` from end to end. */
	#keyLocks: Map<string, SessionLock> | null = null;
	readonly #maxQueue: () => number;
	/** Requests of any kind under way; an idle limit does not run meanwhile. */
	inflight = 0;
	/** Refusals stand here until the next commit stores them; they change nothing else. */
	history: SessionHistory;
	#headers: Map<TurnId, TurnHeader> | null = null;
	#state: PathState | null = null;
	#turnMessages: Map<TurnId, StoredMessage[]> | null = null;
	readonly #store: ReadableStore;

	constructor(options: {
		meta: SessionMeta;
		store: ReadableStore;
		/** Chats that may wait for the running one. */
		maxQueue: () => number;
		deadlineMs: number;
		lastUsedMs: number;
	}) {
		this.meta = options.meta;
		this.history = options.meta.history ?? EMPTY_HISTORY;
		this.#maxQueue = options.maxQueue;
		this.#store = options.store;
		this.deadlineMs = options.deadlineMs;
		this.lastUsedMs = options.lastUsedMs;
	}

	/** Held by a chat from its match to its commit. */
	get lock(): SessionLock {
		this.#lock ??= new SessionLock(this.#maxQueue);
		return this.#lock;
	}

	/** Chats waiting for the lock. */
	get chatsWaiting(): number {
		return this.#lock?.waiting ?? 0;
	}

	/** Chats past the lock's queue, those that no longer hold it included. */
	get chatsRunning(): number {
		return this.#chats?.running ?? 0;
	}

	/** Chats running or waiting for the lock. */
	get chatsInFlight(): number {
		return this.#chats?.inFlight ?? 0;
	}

	/** When the longest running chat arrived, float Unix seconds; null while none runs. */
	get runningSinceS(): number | null {
		return this.#chats?.runningSinceS ?? null;
	}

	get closing(): CloseReason | null {
		return this.#closing;
	}

	/** When it was closed, float Unix seconds; 0 before. */
	get closedAtS(): number {
		return this.#closedAtS;
	}

	/** Its facts as the next commit stores them. */
	get metaToStore(): SessionMeta {
		return this.history === EMPTY_HISTORY ? this.meta : { ...this.meta, history: this.history };
	}

	/** Throws the 404 of a session that is being closed. */
	refuseWhenClosing(): void {
		if (this.#closing !== null) throw goneError(this.meta.id, this.#closing, this.#closedAtS);
	}

	/** What a new request may repeat byte for byte; null when nothing is in memory. */
	get lastRequest(): EarlierMessages | null {
		return this.#state?.request ?? null;
	}

	/**
	 * Marks the session closed, ends what runs (410) and what waits (404); all of that happens before this returns its
	 * promise. Resolves with the number of cancelled chats when nothing runs any more.
	 * @param atS float Unix seconds
	 */
	async close(reason: CloseReason, atS: number): Promise<number> {
		this.#closing = reason;
		this.#closedAtS = atS;
		const cancelled = this.chatsRunning;
		this.#chats?.end(({ waiting }) => (waiting ? goneError(this.meta.id, reason, atS) : this.closedError()));
		await this.#lock?.idle();
		await this.#writes?.idle();
		return cancelled;
	}

	/** Runs one read-modify-write of the stored facts; they never overlap, or a late one would undo an earlier. */
	async write<T>(change: () => Promise<T>): Promise<T> {
		this.#writes ??= new SessionLock(() => Number.POSITIVE_INFINITY);
		const release = await this.#writes.acquire();
		try {
			return await change();
		} finally {
			release();
		}
	}

	/** Waits until no other chat with this Idempotency-Key is under way. Throws as `SessionLock.acquire` does. */
	async acquireKey(key: string, signal: CancelSignal): Promise<() => void> {
		this.#keyLocks ??= new Map();
		const locks = this.#keyLocks;
		const held = locks.get(key) ?? new SessionLock(this.#maxQueue);
		locks.set(key, held);
		const forgetUnused = () => {
			if (!held.held) locks.delete(key);
		};
		try {
			const release = await held.acquire(signal);
			return () => {
				release();
				forgetUnused();
			};
		} catch (error) {
			forgetUnused();
			throw error;
		}
	}

	/** The 410 of a chat that was running when the session closed. */
	closedError(): RollpinError {
		return this.#closing === "expired"
			? new RollpinError("session_expired", `session ${this.meta.id} reached its deadline during this chat`)
			: new RollpinError("session_closed", `session ${this.meta.id} was deleted during this chat`);
	}

	/**
	 * Registers a chat, before it waits for its turn; its signal fires when the session closes, the chats are cancelled, or
	 * `client` goes away.
	 * @param arrivedAt float Unix seconds
	 * @throws RollpinError the 404 of a session that is being closed
	 */
	enter(client: CancelSignal | undefined, arrivedAt: number): SessionChat {
		this.refuseWhenClosing();
		this.#chats ??= new SessionChats();
		return this.#chats.enter(client, arrivedAt);
	}

	/**
	 * Ends every chat that runs or waits, but not one whose commit has begun: it is kept, and answered. The session stays.
	 * @returns how many it ended: they fail with `chat_cancelled`, and nothing of them is committed
	 */
	cancelChats(): number {
		const { id } = this.meta;
		const reason = () =>
			new RollpinError(
				"chat_cancelled",
				`this chat of session ${id} was cancelled from outside; nothing of it was kept, and the session goes on`,
				{ retry: false },
			);
		return this.endChats(reason);
	}

	/** As `cancelChats`, for another reason. */
	endChats(reason: () => RollpinError): number {
		return this.#chats?.end(reason) ?? 0;
	}

	/** Headers of all turns, read on first use. */
	async headers(): Promise<Map<TurnId, TurnHeader>> {
		if (this.#headers === null) {
			const read = await this.#store.headers(this.meta.id);
			this.#headers ??= new Map(read.map((header) => [header.id, header]));
		}
		return this.#headers;
	}

	/** State after the head, read from the store when it is not in memory. Only under the lock. */
	async headState(): Promise<PathState> {
		this.#state ??= await this.stateAt(this.meta.head);
		return this.#state;
	}

	/** A fresh state after any turn; the caller owns it. */
	async stateAt(turn: TurnId | null): Promise<PathState> {
		return loadPath(this.#store, this.meta.id, await this.headers(), turn);
	}

	/**
	 * The state after `turn` for one chat's own use: the one in memory is handed out once, everybody else gets
	 * a copy from the store. Given back by `committed`.
	 */
	async checkOut(turn: TurnId): Promise<PathState> {
		const state = this.#state;
		if (state?.head !== turn) return this.stateAt(turn);
		this.#state = null;
		return state;
	}

	/** Every committed turn's own messages (appended and generated), for matching in tree mode. */
	async turnMessages(): Promise<Map<TurnId, StoredMessage[]>> {
		if (this.#turnMessages === null) {
			this.#turnMessages = await loadTurnMessages(this.#store, this.meta.id, await this.headers());
		}
		return this.#turnMessages;
	}

	/** One turn's own messages, a provisional one's too; read from the store each time. */
	messagesOf(turn: TurnHeader): Promise<StoredMessage[]> {
		return loadOwnMessages(this.#store, this.meta.id, turn);
	}

	/** Takes over what a commit has made true. Only after the store has it. */
	committed(
		meta: SessionMeta,
		headers: readonly TurnHeader[],
		dropped: TurnId | null,
		state: PathState | null,
	): void {
		this.meta = meta;
		for (const header of headers) this.#headers?.set(header.id, header);
		if (dropped !== null) this.#headers?.delete(dropped);
		this.#state = state;
		const made = headers.at(-1);
		if (state !== null && made !== undefined && state.head === made.id && this.#turnMessages !== null) {
			this.#turnMessages.set(made.id, state.messages.slice(-(made.appendedCount + 1)));
		}
	}

	/** Bytes that `cool` would free. */
	get hotBytes(): number {
		const headers = (this.#headers?.size ?? 0) * TURN_BYTES;
		let messages = 0;
		for (const own of this.#turnMessages?.values() ?? []) messages += messageBytes(own);
		return (this.#state?.bytes ?? 0) + headers + messages;
	}

	/** Forgets everything that the store can give back. Only while nothing runs. */
	cool(): void {
		this.#headers = null;
		this.#state = null;
		this.#turnMessages = null;
		this.#store.cool(this.meta.id);
	}
}
