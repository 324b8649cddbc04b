// What a commit changes, key by key, worked out against what is stored. Pure but for the reads it is handed.
import type { SessionId, TurnId } from "../../base/ids.js";
import type { PartName, StoreOp, Tombstone } from "../store.js";
import { BASE_GONE, LENT, OWED_ALREADY, staleCommit } from "./commit-rules.js";
import type { KeyRange } from "./keys.js";
import { blobKey, partKey, partRange, sessionKey, tombstoneKey, turnKey, turnRange } from "./keys.js";
import { ObligationPlan } from "./obligation-plan.js";
import { PackPlan } from "./pack-plan.js";
import { byteLength, Gathered, sliceOf } from "./pieces.js";
import { placesOf } from "./placement.js";
import { decodeRecord, encodeRecord, ownLength, type PartPlace, type TurnRecord } from "./records.js";

/** One change of a key; `value: null` removes it. */
export interface KeyChange {
	key: Buffer;
	value: Buffer | null;
}

/** The stored state a plan is made against. */
interface StoredState {
	get(key: Buffer): Buffer | undefined;
	keys(range: KeyRange): Buffer[];
	scan(range: KeyRange, visit: (key: Uint8Array, value: Buffer) => void): void;
}

/** The changes of one commit, and the files that go with them. */
export interface CommitPlan {
	changes: KeyChange[];
	/** Files to be written before the changes are made. */
	newBlobs: Array<{ name: string; pieces: Uint8Array[]; length: number }>;
	/** Bytes to be written to packs, one after the other, before the changes are made; the first may create its file. */
	packed: Array<{ name: string; offset: number; pieces: readonly Uint8Array[]; created: boolean }>;
	/** Files to be removed once the changes are made. */
	oldBlobs: Array<{ name: string; length: number }>;
	/** Files whose bytes after `length` are to be given up once the changes are made. */
	cutBlobs: Array<{ name: string; length: number; freed: number }>;
	/** What becomes of the id's tombstone. */
	tombstone: "keep" | "remove" | Tombstone;
}

export interface PlanContext {
	stored: StoredState;
	/** Order number for a tombstone of this commit. */
	tombstoneOrder: number;
	/** Names of files that no other owner of the partition uses, and whether one is such a name of this owner's. */
	newBlobName(): string;
	isOwnBlob(name: string): boolean;
	/** How many of the given bytes of an appended turn's part the base has too, after those that were known. */
	shared(turn: TurnId, part: PartName): number;
}

/** @throws RollpinError `session_state_conflict` when an op doesn't fit the stored state */
export function planCommit(id: SessionId, ops: readonly StoreOp[], context: PlanContext): CommitPlan {
	const planner = new Planner(id, context);
	for (const op of ops) planner.apply(op);
	return planner.plan;
}

class Planner {
	plan: CommitPlan = emptyPlan("keep");
	readonly #id: SessionId;
	readonly #context: PlanContext;
	/** Turns as this commit leaves them so far; null for one that it dropped. */
	readonly #turns = new Map<TurnId, TurnRecord | null>();
	readonly #obligations: ObligationPlan;
	#packs: PackPlan;
	#exists: boolean;
	#buried = false;

	constructor(id: SessionId, context: PlanContext) {
		this.#id = id;
		this.#context = context;
		this.#exists = context.stored.get(sessionKey(id)) !== undefined;
		this.#packs = this.#packPlan();
		this.#obligations = new ObligationPlan(id, {
			get: (key) => context.stored.get(key),
			scan: (range, visit) => context.stored.scan(range, visit),
			change: (key, value) => this.#change(key, value),
		});
	}

	apply(op: StoreOp): void {
		if (op.op === "put_session") {
			this.#change(sessionKey(this.#id), encodeRecord("session", { meta: op.meta }));
			this.#change(tombstoneKey(this.#id), null);
			this.plan.tombstone = "remove";
			this.#exists = true;
		} else if (op.op === "bury") {
			this.#bury(op.tombstone);
		} else if (op.op === "settle_obligation") {
			this.#obligations.settle(op.resource);
		} else if (!this.#exists) {
			throw staleCommit(op, "the store has no such session");
		} else if (op.op === "put_obligation") {
			if (this.#obligations.stands(op.resource)) throw staleCommit(op, OWED_ALREADY);
			this.#obligations.put(op.resource, op.handleJson);
		} else if (op.op === "append_turn") {
			if (this.#turn(op.header.id) !== undefined) throw staleCommit(op, "the turn is already there");
			this.#append(op);
		} else {
			const turn = op.op === "put_header" ? op.header.id : op.turn;
			const record = this.#turn(turn);
			if (record === undefined) throw staleCommit(op, "the session has no such turn");
			if (op.op === "put_header") this.#putTurn({ ...record, header: op.header });
			else if (op.op === "drop_part") this.#dropPart(record, op.part);
			else if (Object.values(record.parts).some((place) => (place?.lent ?? 0) > 0))
				throw staleCommit(op, LENT);
			else this.#drop(turn, record);
		}
	}

	#append(op: Extract<StoreOp, { op: "append_turn" }>): void {
		const parts: Partial<Record<PartName, PartPlace>> = {};
		const own = new Map<PartName, readonly Uint8Array[]>();
		for (const [name, given] of op.parts) {
			const known = op.bases?.get(name)?.shared ?? 0;
			const length = known + byteLength(given);
			if (length === 0) continue;
			const base = this.#borrow(op, name, known);
			own.set(name, base === null ? given : sliceOf(given, base.length - known));
			parts[name] = base === null ? { length } : { length, base };
		}
		const places = placesOf(new Map([...own].map(([name, pieces]) => [name, byteLength(pieces)])));
		const [file, pack] = [new Gathered(), new Gathered()];
		for (const [name, pieces] of own) {
			const place = parts[name] as PartPlace;
			if (ownLength(place) === 0) continue;
			const where = places.get(name);
			if (where === "file") place.blobOffset = file.add(pieces, ownLength(place));
			else if (where === "pack") place.packOffset = pack.add(pieces, ownLength(place));
			else this.#change(partKey(this.#id, op.header.id, name), Buffer.concat(pieces));
		}
		const record: TurnRecord = { header: op.header, parts, blob: null };
		if (file.length > 0) {
			record.blob = this.#context.newBlobName();
			this.plan.newBlobs.push({ name: record.blob, pieces: file.pieces, length: file.length });
			this.#change(blobKey(record.blob), encodeRecord("blob", { length: file.length }));
		}
		if (pack.length > 0) {
			const { name, offset } = this.#packs.append(pack.pieces, pack.length);
			record.pack = name;
			for (const place of Object.values(parts)) {
				if (place?.packOffset !== undefined) place.packOffset += offset;
			}
		}
		this.#putTurn(record);
	}

	/** What the part begins with of its base, which from now on must keep so much of it. */
	#borrow(
		op: Extract<StoreOp, { op: "append_turn" }>,
		name: PartName,
		known: number,
	): NonNullable<PartPlace["base"]> | null {
		const base = op.bases?.get(name);
		const length = known + this.#context.shared(op.header.id, name);
		if (length === 0 || base === undefined) return null;
		const record = this.#turn(base.turn);
		const lender = record?.parts[base.part];
		if (record === undefined || lender === undefined || lender.dropped === true || lender.length < length) {
			if (known > 0) throw staleCommit(op, BASE_GONE);
			return null;
		}
		const lent = Math.max(length, lender.lent ?? 0);
		if (lent !== lender.lent) {
			this.#putTurn({ ...record, parts: { ...record.parts, [base.part]: { ...lender, lent } } });
		}
		return { turn: base.turn, part: base.part, length };
	}

	#dropPart(record: TurnRecord, part: PartName): void {
		const turn = record.header.id;
		const place = record.parts[part];
		if (place === undefined || place.dropped === true) return;
		const parts: TurnRecord["parts"] = { ...record.parts, [part]: { ...place, dropped: true } };
		const left: TurnRecord = { ...record, parts };
		const needed = (place.lent ?? 0) > (place.base?.length ?? 0);
		if (!needed && hasKey(place)) this.#change(partKey(this.#id, turn, part), null);
		if (record.blob !== null) {
			const before = blobLength(record);
			const length = blobLength(left);
			if (length === 0) {
				this.#dropBlob(record);
				left.blob = null;
			} else if (length < before) {
				this.#change(blobKey(record.blob), encodeRecord("blob", { length }));
				this.plan.cutBlobs.push({ name: record.blob, length, freed: before - length });
			}
		}
		this.#putTurn(left);
	}

	#drop(turn: TurnId, record: TurnRecord): void {
		this.#change(turnKey(this.#id, turn), null);
		for (const [name, place] of Object.entries(record.parts)) {
			if (hasKey(place)) this.#change(partKey(this.#id, turn, name as PartName), null);
		}
		this.#dropBlob(record);
		if (record.pack !== undefined) this.#packs.leave(record.pack);
		this.#turns.set(turn, null);
	}

	#bury(tombstone: Tombstone): void {
		// Whatever the commit did before is buried too, so the plan starts again from what is stored.
		this.plan = emptyPlan(tombstone);
		this.#turns.clear();
		this.#packs = this.#packPlan();
		const { stored } = this.#context;
		const packs = new Set<string>();
		stored.scan(turnRange(this.#id), (_key, value) => {
			const record = decodeRecord("turn", value);
			this.#dropBlob(record);
			if (record.pack !== undefined) packs.add(record.pack);
		});
		for (const pack of packs) this.#packs.remove(pack);
		for (const key of stored.keys(turnRange(this.#id))) this.#change(key, null);
		for (const key of stored.keys(partRange(this.#id))) this.#change(key, null);
		this.#change(sessionKey(this.#id), null);
		this.#obligations.end();
		const order = this.#context.tombstoneOrder;
		this.#change(tombstoneKey(this.#id), encodeRecord("tombstone", { tombstone, order }));
		this.#exists = false;
		this.#buried = true;
	}

	#dropBlob(record: TurnRecord): void {
		if (record.blob === null) return;
		this.#change(blobKey(record.blob), null);
		const planned = this.plan.newBlobs.findIndex((blob) => blob.name === record.blob);
		if (planned >= 0) this.plan.newBlobs.splice(planned, 1);
		else this.plan.oldBlobs.push({ name: record.blob, length: blobLength(record) });
	}

	#putTurn(record: TurnRecord): void {
		this.#change(turnKey(this.#id, record.header.id), encodeRecord("turn", record));
		this.#turns.set(record.header.id, record);
	}

	#turn(turn: TurnId): TurnRecord | undefined {
		const planned = this.#turns.get(turn);
		if (planned !== undefined) return planned ?? undefined;
		if (this.#buried) return undefined;
		const value = this.#context.stored.get(turnKey(this.#id, turn));
		return value === undefined ? undefined : decodeRecord("turn", value);
	}

	#packPlan(): PackPlan {
		const { stored, newBlobName, isOwnBlob } = this.#context;
		return new PackPlan(this.#id, {
			get: (key) => stored.get(key),
			change: (key, value) => this.#change(key, value),
			newName: newBlobName,
			isOwn: isOwnBlob,
			append: (name, offset, pieces, created) => this.plan.packed.push({ name, offset, pieces, created }),
			remove: (name, length) => {
				// What this commit itself would have written is left out.
				const planned = this.plan.packed.filter((bytes) => bytes.name === name);
				this.plan.packed = this.plan.packed.filter((bytes) => bytes.name !== name);
				if (planned.some(({ created }) => created)) return;
				const unwritten = planned.reduce((sum, { pieces }) => sum + byteLength(pieces), 0);
				this.plan.oldBlobs.push({ name, length: length - unwritten });
			},
		});
	}

	#change(key: Buffer, value: Buffer | null): void {
		this.plan.changes.push({ key, value });
	}
}

function emptyPlan(tombstone: CommitPlan["tombstone"]): CommitPlan {
	return { changes: [], newBlobs: [], packed: [], oldBlobs: [], cutBlobs: [], tombstone };
}

/** Its bytes, where it has any of its own, are under its key. */
function hasKey(place: PartPlace | undefined): boolean {
	return place?.blobOffset === undefined && place?.packOffset === undefined;
}

/** Up to the end of the last part that is still needed. */
function blobLength(record: TurnRecord): number {
	let end = 0;
	for (const place of Object.values(record.parts)) {
		if (place?.blobOffset === undefined) continue;
		const needed = place.dropped !== true || (place.lent ?? 0) > (place.base?.length ?? 0);
		if (needed) end = Math.max(end, place.blobOffset + ownLength(place));
	}
	return end;
}
