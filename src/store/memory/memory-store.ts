// Sessions on the heap of one process, for tests and throw-away runs. Keeps nothing across a restart.
import { RollpinError } from "../../base/errors.js";
import type { SessionId, TurnId } from "../../base/ids.js";
import {
	BASE_GONE,
	checkCommit,
	LENT,
	MIN_SHARED_BYTES,
	OWED_ALREADY,
	staleCommit,
} from "../plan/commit-rules.js";
import { byteLength, PrefixMatch, sliceOf } from "../plan/pieces.js";
import { TombstoneRing } from "../plan/tombstone-ring.js";
import type {
	Obligation,
	PartCursor,
	PartName,
	SessionMeta,
	Store,
	StoreOp,
	Tombstone,
	TurnHeader,
} from "../store.js";
import { TurnGone } from "../store-errors.js";

export interface MemoryStoreOptions {
	/** Most recent tombstones kept. */
	tombstones: number;
}

interface KeptTurn {
	/** JSON text, so that neither the caller's object nor a reader's can reach what is kept. */
	header: string;
	parts: ReadonlyMap<PartName, readonly Uint8Array[]>;
	/** Lengths of parts that were dropped. */
	dropped: ReadonlyMap<PartName, number>;
	/** Another turn's part begins as one of this turn's does. */
	lends: boolean;
}

interface KeptSession {
	meta: string;
	turns: Map<TurnId, KeptTurn>;
}

/** A store that forgets everything when the process ends. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
	return new MemoryStore(options);
}

class MemoryStore implements Store {
	readonly #sessions = new Map<SessionId, KeptSession>();
	readonly #tombstones: TombstoneRing;
	/** By session and resource. */
	readonly #obligations = new Map<SessionId, ReadonlyMap<string, Obligation>>();
	#closed = false;

	constructor(options: MemoryStoreOptions) {
		this.#tombstones = new TombstoneRing(options.tombstones);
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		this.#checkOpen();
		for (const kept of [...this.#sessions.values()]) yield JSON.parse(kept.meta) as SessionMeta;
	}

	async session(id: SessionId): Promise<SessionMeta | undefined> {
		this.#checkOpen();
		const kept = this.#sessions.get(id);
		return kept === undefined ? undefined : (JSON.parse(kept.meta) as SessionMeta);
	}

	async headers(id: SessionId): Promise<TurnHeader[]> {
		this.#checkOpen();
		const turns = this.#sessions.get(id)?.turns ?? new Map<TurnId, KeptTurn>();
		return [...turns]
			.sort(([left], [right]) => left - right)
			.map(([, turn]) => JSON.parse(turn.header) as TurnHeader);
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		this.#checkOpen();
		return Buffer.concat(this.#pieces(id, turn, part));
	}

	async *streamPart(id: SessionId, turn: TurnId, part: PartName): AsyncIterable<Buffer> {
		this.#checkOpen();
		const pieces = this.#pieces(id, turn, part);
		for (const piece of pieces) {
			// A turn's pieces are one list as long as it is the same turn.
			if (this.#pieces(id, turn, part) !== pieces) throw new TurnGone(id, turn);
			if (piece.length > 0) yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
		}
	}

	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		this.#checkOpen();
		this.#pieces(id, turn, part);
		let at = 0;
		const readNow = (buffer: Buffer): number => {
			let filled = 0;
			for (const piece of sliceOf(this.#pieces(id, turn, part), at, at + buffer.length)) {
				buffer.set(piece, filled);
				filled += piece.length;
			}
			at += filled;
			return filled;
		};
		return { read: async (buffer) => readNow(buffer), readNow, close: async () => undefined };
	}

	async partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		this.#checkOpen();
		return this.#turn(id, turn).dropped.get(part) ?? byteLength(this.#pieces(id, turn, part));
	}

	async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		this.#checkOpen();
		return this.#tombstones.get(id);
	}

	async *obligations(): AsyncIterable<Obligation> {
		this.#checkOpen();
		for (const id of [...this.#obligations.keys()]) yield* await this.obligationsOf(id);
	}

	async obligationsOf(id: SessionId): Promise<Obligation[]> {
		this.#checkOpen();
		return Array.from(this.#obligations.get(id)?.values() ?? [], (obligation) => ({ ...obligation }));
	}

	async commit(ops: readonly StoreOp[]): Promise<void> {
		this.#checkOpen();
		const id = checkCommit(ops);
		if (id === undefined) return;
		const kept = this.#sessions.get(id);
		// Changes are made on a copy, which takes the session's place only when every op has held.
		let staged = kept === undefined ? undefined : { meta: kept.meta, turns: new Map(kept.turns) };
		let tombstone = this.#tombstones.get(id);
		const owedBefore = this.#obligations.get(id) ?? new Map<string, Obligation>();
		let obligations = new Map(owedBefore);
		const settled = new Set<string>();
		for (const op of ops) {
			if (op.op === "put_session") {
				staged = { meta: JSON.stringify(op.meta), turns: staged?.turns ?? new Map() };
				tombstone = undefined;
			} else if (op.op === "bury") {
				staged = undefined;
				tombstone = { ...op.tombstone };
				obligations = new Map(
					[...owedBefore]
						.filter(([resource]) => !settled.has(resource))
						.map(([resource, obligation]) => [resource, { ...obligation, ended: true }]),
				);
			} else if (op.op === "settle_obligation") {
				settled.add(op.resource);
				obligations.delete(op.resource);
			} else if (staged === undefined) {
				throw staleCommit(op, "the store has no such session");
			} else if (op.op === "put_obligation") {
				const { session, resource, handleJson } = op;
				if (obligations.has(resource)) throw staleCommit(op, OWED_ALREADY);
				obligations.set(resource, { session, resource, handleJson, ended: false });
			} else {
				applyToTurns(staged.turns, op);
			}
		}
		if (staged === undefined) this.#sessions.delete(id);
		else this.#sessions.set(id, staged);
		if (obligations.size === 0) this.#obligations.delete(id);
		else this.#obligations.set(id, obligations);
		if (tombstone === undefined) this.#tombstones.delete(id);
		else if (ops.some((op) => op.op === "bury")) this.#tombstones.add(tombstone);
	}

	async sizeBytes(): Promise<number> {
		this.#checkOpen();
		let bytes = 0;
		for (const session of this.#sessions.values()) {
			bytes += session.meta.length;
			for (const turn of session.turns.values()) {
				bytes += turn.header.length;
				for (const pieces of turn.parts.values()) bytes += byteLength(pieces);
			}
		}
		return bytes;
	}

	async close(): Promise<void> {
		this.#closed = true;
	}

	#pieces(id: SessionId, turn: TurnId, part: PartName): readonly Uint8Array[] {
		const kept = this.#turn(id, turn);
		if (kept.dropped.has(part)) throw new TurnGone(id, turn);
		return kept.parts.get(part) ?? NO_PIECES;
	}

	#turn(id: SessionId, turn: TurnId): KeptTurn {
		const kept = this.#sessions.get(id)?.turns.get(turn);
		if (kept === undefined) throw new TurnGone(id, turn);
		return kept;
	}

	#checkOpen(): void {
		if (this.#closed) throw new RollpinError("worker_unavailable", "the store is closed");
	}
}

const NO_PIECES: readonly Uint8Array[] = [];

type TurnOp = Extract<StoreOp, { op: "append_turn" | "put_header" | "drop_part" | "drop_turn" }>;

function applyToTurns(turns: Map<TurnId, KeptTurn>, op: TurnOp): void {
	if (op.op === "append_turn") {
		if (turns.has(op.header.id)) throw staleCommit(op, "the turn is already there");
		turns.set(op.header.id, appended(turns, op));
		return;
	}
	const turn = op.op === "put_header" ? op.header.id : op.turn;
	const kept = turns.get(turn);
	if (kept === undefined) throw staleCommit(op, "the session has no such turn");
	if (op.op === "put_header") {
		turns.set(turn, { ...kept, header: JSON.stringify(op.header) });
	} else if (op.op === "drop_turn") {
		if (kept.lends) throw staleCommit(op, LENT);
		turns.delete(turn);
	} else {
		const parts = new Map(kept.parts);
		const dropped = new Map(kept.dropped);
		dropped.set(op.part, dropped.get(op.part) ?? byteLength(parts.get(op.part) ?? []));
		parts.delete(op.part);
		turns.set(turn, { ...kept, parts, dropped });
	}
}

function appended(turns: Map<TurnId, KeptTurn>, op: Extract<StoreOp, { op: "append_turn" }>): KeptTurn {
	const parts = new Map(op.parts);
	for (const [name, { turn, part, shared = 0 }] of op.bases ?? []) {
		const base = turns.get(turn);
		const given = parts.get(name) ?? [];
		const earlier = base?.parts.get(part) ?? [];
		if (byteLength(earlier) < shared) throw staleCommit(op, BASE_GONE);
		const match = new PrefixMatch(given);
		sliceOf(earlier, shared).every((piece) => match.take(piece));
		const more = match.shared < MIN_SHARED_BYTES ? 0 : match.shared;
		if (base === undefined || shared + more === 0) continue;
		parts.set(name, [...sliceOf(earlier, 0, shared + more), ...sliceOf(given, more)]);
		turns.set(turn, { ...base, lends: true });
	}
	return { header: JSON.stringify(op.header), parts, dropped: new Map(), lends: false };
}
