// Sessions on the heap of one process, for tests and throw-away runs. Keeps nothing across a restart.
//
// Plans and images are those of the store on disk; what stands in a file there is a list of pieces here.
import { RollpinError } from "../../base/errors.js";
import type { SessionId, TurnId } from "../../base/ids.js";
import { partsToCompare } from "../plan/bases.js";
import { type Body, type CommitPlan, planCommit } from "../plan/commit-plan.js";
import { checkCommit, MIN_SHARED_BYTES } from "../plan/commit-rules.js";
import { extentsOf } from "../plan/extents.js";
import { type FrameOp, neededBytes, type PartPlace, SessionImage } from "../plan/image.js";
import { headersOf, metaOf } from "../plan/metas.js";
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

interface KeptSession {
	image: SessionImage;
	/** By the offset that a part's place has, its bytes. */
	bodies: Map<number, Body>;
	/** The next offset. */
	end: number;
	commits: number;
}

/** A store that forgets everything when the process ends. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
	return new MemoryStore(options);
}

class MemoryStore implements Store {
	readonly keepsGiven = true;
	readonly #sessions = new Map<SessionId, KeptSession>();
	readonly #tombstones: TombstoneRing;
	/** Of buried sessions, by id and resource. */
	readonly #owed = new Map<SessionId, ReadonlyMap<string, Obligation>>();
	#closed = false;

	constructor(options: MemoryStoreOptions) {
		this.#tombstones = new TombstoneRing(options.tombstones);
	}

	async *sessions(): AsyncIterable<SessionMeta> {
		this.#checkOpen();
		for (const { image } of [...this.#sessions.values()]) yield metaOf(image.record);
	}

	async session(id: SessionId): Promise<SessionMeta | undefined> {
		this.#checkOpen();
		const kept = this.#sessions.get(id);
		return kept === undefined ? undefined : metaOf(kept.image.record);
	}

	async headers(id: SessionId): Promise<TurnHeader[]> {
		this.#checkOpen();
		const kept = this.#sessions.get(id);
		return kept === undefined ? [] : headersOf(kept.image);
	}

	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		this.#checkOpen();
		return Buffer.concat(this.#pieces(id, turn, part));
	}

	async *streamPart(id: SessionId, turn: TurnId, part: PartName): AsyncIterable<Buffer> {
		this.#checkOpen();
		const isSame = this.#isSame(id, turn);
		for (const piece of this.#pieces(id, turn, part)) {
			if (!isSame()) throw new TurnGone(id, turn);
			this.#pieces(id, turn, part);
			if (piece.length > 0) yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
		}
	}

	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		this.#checkOpen();
		this.#pieces(id, turn, part);
		let at = 0;
		const readNow = (buffer: Buffer) => {
			let filled = 0;
			for (const piece of sliceOf(this.#pieces(id, turn, part), at, at + buffer.length)) {
				buffer.set(piece, filled);
				filled += piece.length;
			}
			at += filled;
			return filled;
		};
		return { readNow, read: async (buffer) => readNow(buffer), close: async () => undefined };
	}

	async partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		this.#checkOpen();
		const stored = this.#sessions.get(id)?.image.get(turn);
		if (stored === undefined) throw new TurnGone(id, turn);
		return stored.parts.get(part)?.length ?? 0;
	}

	async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		this.#checkOpen();
		return this.#tombstones.get(id);
	}

	async *obligations(): AsyncIterable<Obligation> {
		this.#checkOpen();
		for (const id of new Set([...this.#sessions.keys(), ...this.#owed.keys()]))
			yield* await this.obligationsOf(id);
	}

	async obligationsOf(id: SessionId): Promise<Obligation[]> {
		this.#checkOpen();
		return Array.from(this.#owedBy(id).values(), (obligation) => ({ ...obligation }));
	}

	async commit(ops: readonly StoreOp[]): Promise<void> {
		this.#checkOpen();
		const id = checkCommit(ops);
		if (id === undefined) return;
		const kept = this.#sessions.get(id);
		const shared = this.#sharedPrefixes(id, ops);
		const stored = { image: kept?.image ?? null, owed: this.#owedBy(id) };
		const plan = planCommit(id, ops, stored, (turn, part) => shared.get(`${turn} ${part}`) ?? 0);
		if (plan.kind === "end") this.#end(id, plan);
		else if (plan.kind === "append" && kept !== undefined) append(kept, plan);
		else if (plan.kind !== "nothing") {
			const made = {
				image: new SessionImage(recordIn(plan.ops)),
				bodies: new Map<number, Body>(),
				end: 0,
				commits: 0,
			};
			append(made, plan);
			this.#sessions.set(id, made);
			this.#owed.delete(id);
			this.#tombstones.delete(id);
		}
	}

	damagedSessions(): number {
		return 0;
	}

	async sizeBytes(): Promise<number> {
		this.#checkOpen();
		let bytes = 0;
		for (const { image, bodies } of this.#sessions.values()) {
			bytes += image.record.metaText.length;
			for (const [, { headerText }] of image.turns()) bytes += headerText.length;
			for (const body of bodies.values()) bytes += byteLength(body);
		}
		return bytes;
	}

	cool(): void {}

	async close(): Promise<void> {
		this.#closed = true;
	}

	#end(id: SessionId, { tombstone, owed }: Extract<CommitPlan, { kind: "end" }>): void {
		this.#sessions.delete(id);
		if (owed.length === 0) this.#owed.delete(id);
		else this.#owed.set(id, new Map(owed.map((obligation) => [obligation.resource, obligation])));
		if (tombstone !== null) this.#tombstones.add(tombstone);
	}

	#owedBy(id: SessionId): ReadonlyMap<string, Obligation> {
		return this.#sessions.get(id)?.image.record.owed ?? this.#owed.get(id) ?? NOTHING_OWED;
	}

	/** What appended parts have in common with their bases, by `<turn> <part>`. */
	#sharedPrefixes(id: SessionId, ops: readonly StoreOp[]): ReadonlyMap<string, number> {
		const found = new Map<string, number>();
		for (const { base, part, pieces, turn } of partsToCompare(ops)) {
			const lender = this.#sessions.get(id)?.image.get(base.turn)?.parts.get(base.part);
			if (lender === undefined || lender.dropped === true) continue;
			const match = new PrefixMatch(pieces);
			sliceOf(this.#pieces(id, base.turn, base.part), base.shared ?? 0).every((piece) => match.take(piece));
			if (match.shared >= MIN_SHARED_BYTES) found.set(`${turn} ${part}`, match.shared);
		}
		return found;
	}

	#isSame(id: SessionId, turn: TurnId): () => boolean {
		const born = this.#sessions.get(id)?.image.get(turn)?.born;
		return () => this.#sessions.get(id)?.image.get(turn)?.born === born;
	}

	#pieces(id: SessionId, turn: TurnId, part: PartName): Uint8Array[] {
		const kept = this.#sessions.get(id);
		if (kept === undefined) throw new TurnGone(id, turn);
		return extentsOf(id, kept.image, turn, part).flatMap(({ place, length }) =>
			sliceOf(kept.bodies.get(place.offset) ?? [], 0, length),
		);
	}

	#checkOpen(): void {
		if (this.#closed) throw new RollpinError("worker_unavailable", "the store is closed");
	}
}

const NOTHING_OWED: ReadonlyMap<string, Obligation> = new Map();

function recordIn(ops: readonly FrameOp[]): SessionImage["record"] {
	for (const op of ops) if (op.op === "record") return op.record;
	throw new RollpinError("internal", "a session would begin without a record");
}

function append(kept: KeptSession, plan: Extract<CommitPlan, { kind: "append" | "renew" }>): void {
	let offset = kept.end;
	for (const body of plan.bodies) {
		// Of parts without bytes of their own, several have one offset, and nobody asks for it.
		if (byteLength(body) > 0) kept.bodies.set(offset, body);
		offset += byteLength(body);
	}
	kept.image.apply(
		plan.ops,
		{ segment: "", offset: kept.end, crcs: [] },
		{ segment: "", at: kept.commits++ },
	);
	kept.end = offset;
	if (plan.ops.some(({ op }) => op === "drop_turn" || op === "drop_part")) forgetUnneeded(kept);
}

function forgetUnneeded({ image, bodies }: KeptSession): void {
	const needed = new Map<number, PartPlace>();
	for (const [, { parts }] of image.turns()) {
		for (const place of parts.values()) if (neededBytes(place) > 0) needed.set(place.offset, place);
	}
	for (const [offset, body] of bodies) {
		const place = needed.get(offset);
		if (place === undefined) bodies.delete(offset);
		else if (neededBytes(place) < place.stored) bodies.set(offset, sliceOf(body, 0, neededBytes(place)));
	}
}
