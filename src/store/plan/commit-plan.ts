// What a commit changes, worked out against what is stored. Pure.
import type { SessionId, TurnId } from "../../base/ids.js";
import type { Obligation, PartName, StoreOp, Tombstone } from "../store.js";
import { BASE_GONE, LENT, OWED_ALREADY, staleCommit } from "./commit-rules.js";
import {
	type AppendedPart,
	applyToTurns,
	BodyWalk,
	type FrameOp,
	type ImageTurn,
	type PartPlace,
	type SessionImage,
	type SessionRecord,
	type Turns,
} from "./image.js";
import { recordOf } from "./metas.js";
import { byteLength, sliceOf } from "./pieces.js";

/** What is stored under an id. */
export interface StoredState {
	/** Null: there is no such session. */
	image: SessionImage | null;
	/** Of an id without a session: what a buried one still owes. */
	owed: ReadonlyMap<string, Obligation>;
}

/** The bytes that one part of an appended turn stores. */
export type Body = readonly Uint8Array[];

/** Nothing; a frame for the session as it is; a session in place of whatever was there; or no session any more. */
export type CommitPlan =
	| { kind: "nothing" }
	| { kind: "append" | "renew"; ops: FrameOp[]; bodies: Body[]; bytes: number }
	/** `tombstone` null: there was no session before either. */
	| { kind: "end"; tombstone: Tombstone | null; owed: Obligation[] };

/** How many of the given bytes of an appended turn's part the base has too, after those that were known. */
export type SharedBytes = (turn: TurnId, part: PartName) => number;

/** @throws RollpinError `session_state_conflict` when an op doesn't fit the stored state */
export function planCommit(
	id: SessionId,
	ops: readonly StoreOp[],
	stored: StoredState,
	shared: SharedBytes,
): CommitPlan {
	const planner = new Planner(id, stored, shared);
	for (const op of ops) planner.apply(op);
	return planner.plan();
}

/** Turns as a commit leaves them so far, over those that are stored. */
class StagedTurns implements Turns {
	readonly #stored: Pick<Turns, "get"> | null;
	readonly #changed = new Map<TurnId, ImageTurn | null>();

	constructor(stored: Pick<Turns, "get"> | null) {
		this.#stored = stored;
	}

	get(turn: TurnId): ImageTurn | undefined {
		const changed = this.#changed.get(turn);
		return changed === undefined ? this.#stored?.get(turn) : (changed ?? undefined);
	}

	set(turn: TurnId, value: ImageTurn): void {
		this.#changed.set(turn, value);
	}

	delete(turn: TurnId): void {
		this.#changed.set(turn, null);
	}
}

class Planner {
	readonly #id: SessionId;
	readonly #shared: SharedBytes;
	readonly #owedBefore: ReadonlyMap<string, Obligation>;
	/** Resources that it settled, whatever came after that. */
	readonly #settled = new Set<string>();
	#turns: StagedTurns;
	#record: SessionRecord | null;
	#owed: Map<string, Obligation>;
	#owedChanged = false;
	#recordChanged = false;
	#tombstone: Tombstone | null = null;
	/** Nothing of the stored session stays. */
	#renewed: boolean;
	#ops: FrameOp[] = [];
	#bodies: Body[] = [];
	#bytes = 0;

	constructor(id: SessionId, stored: StoredState, shared: SharedBytes) {
		this.#id = id;
		this.#shared = shared;
		this.#turns = new StagedTurns(stored.image);
		this.#record = stored.image?.record ?? null;
		this.#owedBefore = stored.image?.record.owed ?? stored.owed;
		this.#owed = new Map(this.#owedBefore);
		this.#renewed = stored.image === null;
	}

	apply(op: StoreOp): void {
		if (op.op === "put_session") {
			this.#record = recordOf(op.meta, this.#owed);
			this.#recordChanged = true;
		} else if (op.op === "bury") {
			this.#bury(op.tombstone);
		} else if (op.op === "settle_obligation") {
			this.#settled.add(op.resource);
			if (this.#owed.delete(op.resource)) this.#owedChanged = true;
		} else if (this.#record === null) {
			throw staleCommit(op, "the store has no such session");
		} else if (op.op === "put_obligation") {
			const { session, resource, handleJson } = op;
			if (this.#owed.has(resource)) throw staleCommit(op, OWED_ALREADY);
			this.#owed.set(resource, { session, resource, handleJson, ended: false });
			this.#owedChanged = true;
		} else if (op.op === "append_turn") {
			if (this.#turns.get(op.header.id) !== undefined) throw staleCommit(op, "the turn is already there");
			this.#append(op);
		} else {
			const turn = op.op === "put_header" ? op.header.id : op.turn;
			const kept = this.#turns.get(turn);
			if (kept === undefined) throw staleCommit(op, "the session has no such turn");
			if (op.op === "put_header") {
				this.#do({ op: "header", turn, headerText: JSON.stringify(op.header) });
			} else if (op.op === "drop_part") {
				const place = kept.parts.get(op.part);
				if (place !== undefined && place.dropped !== true) this.#do({ op: "drop_part", turn, part: op.part });
			} else {
				for (const { lent } of kept.parts.values()) if ((lent ?? 0) > 0) throw staleCommit(op, LENT);
				this.#do({ op: "drop_turn", turn });
			}
		}
	}

	plan(): CommitPlan {
		if (this.#record === null) {
			if (this.#tombstone === null && !this.#owedChanged) return { kind: "nothing" };
			return { kind: "end", tombstone: this.#tombstone, owed: [...this.#owed.values()] };
		}
		if (this.#recordChanged || this.#owedChanged) {
			this.#ops.push({ op: "record", record: { ...this.#record, owed: this.#owed } });
		}
		if (this.#ops.length === 0) return { kind: "nothing" };
		const kind = this.#renewed ? "renew" : "append";
		return { kind, ops: this.#ops, bodies: this.#bodies, bytes: this.#bytes };
	}

	#append(op: Extract<StoreOp, { op: "append_turn" }>): void {
		const parts: AppendedPart[] = [];
		for (const [name, given] of op.parts) {
			const known = op.bases?.get(name)?.shared ?? 0;
			const length = known + byteLength(given);
			if (length === 0) continue;
			const base = this.#borrow(op, name, known);
			const own = base === null ? given : sliceOf(given, base.length - known);
			const stored = length - (base?.length ?? 0);
			parts.push(base === null ? { name, length, stored } : { name, length, stored, base });
			this.#bodies.push(own);
			this.#bytes += stored;
		}
		this.#do({ op: "turn", turn: op.header.id, headerText: JSON.stringify(op.header), parts });
	}

	/** What the part begins with of its base, which from now on must keep so much of it. */
	#borrow(
		op: Extract<StoreOp, { op: "append_turn" }>,
		name: PartName,
		known: number,
	): NonNullable<PartPlace["base"]> | null {
		const base = op.bases?.get(name);
		if (base === undefined) return null;
		const length = known + this.#shared(op.header.id, name);
		if (length === 0) return null;
		const lender = this.#turns.get(base.turn)?.parts.get(base.part);
		if (lender === undefined || lender.dropped === true || lender.length < length) {
			if (known > 0) throw staleCommit(op, BASE_GONE);
			return null;
		}
		return { turn: base.turn, part: base.part, length };
	}

	#bury(tombstone: Tombstone): void {
		// Whatever the commit did before is buried too, so the plan starts again from nothing.
		this.#turns = new StagedTurns(null);
		this.#ops = [];
		this.#bodies = [];
		this.#bytes = 0;
		this.#record = null;
		this.#recordChanged = false;
		this.#renewed = true;
		this.#tombstone = { ...tombstone };
		this.#owed = new Map();
		for (const [resource, obligation] of this.#owedBefore) {
			if (!this.#settled.has(resource)) this.#owed.set(resource, { ...obligation, ended: true });
		}
	}

	#do(op: Exclude<FrameOp, { op: "record" }>): void {
		applyToTurns(this.#turns, op, new BodyWalk(NOWHERE));
		this.#ops.push(op);
	}
}

/** The places of a commit that is planned are not known yet. */
const NOWHERE = { segment: "", offset: 0, crcs: [] };
