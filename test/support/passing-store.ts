// A store that hands every call on to another one: what a test's store changes, it overrides. Changes no result.
import type { SessionId, TurnId } from "../../src/base/ids.js";
import type {
	Obligation,
	PartCursor,
	PartName,
	SessionMeta,
	Store,
	StoreOp,
	Tombstone,
	TurnHeader,
} from "../../src/store/store.js";

export class PassingStore implements Store {
	readonly #store: Store;

	constructor(store: Store) {
		this.#store = store;
	}

	get keepsGiven(): boolean {
		return this.#store.keepsGiven;
	}

	sessions(): AsyncIterable<SessionMeta> {
		return this.#store.sessions();
	}
	session(id: SessionId): Promise<SessionMeta | undefined> {
		return this.#store.session(id);
	}
	headers(id: SessionId): Promise<TurnHeader[]> {
		return this.#store.headers(id);
	}
	part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		return this.#store.part(id, turn, part);
	}
	streamPart(
		id: SessionId,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		return this.#store.streamPart(id, turn, part, buffers);
	}
	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		return this.#store.openPart(id, turn, part);
	}
	partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		return this.#store.partLength(id, turn, part);
	}
	tombstone(id: SessionId): Promise<Tombstone | undefined> {
		return this.#store.tombstone(id);
	}
	commit(ops: readonly StoreOp[]): Promise<void> {
		return this.#store.commit(ops);
	}
	obligations(): AsyncIterable<Obligation> {
		return this.#store.obligations();
	}
	obligationsOf(id: SessionId): Promise<Obligation[]> {
		return this.#store.obligationsOf(id);
	}
	damagedSessions(): number {
		return this.#store.damagedSessions();
	}

	sizeBytes(): Promise<number> {
		return this.#store.sizeBytes();
	}
	cool(id: SessionId): void {
		this.#store.cool(id);
	}
	close(): Promise<void> {
		return this.#store.close();
	}
}
