// A session as its stored frames make it: its record, its turns, where their parts are. Pure; holds no bytes of parts.
//
// `applyToTurns` is all that changes its turns: a commit is planned with it, applied with it, and read again with it.
import type { TurnId } from "../../base/ids.js";
import type { Obligation, PartBase, PartName } from "../store.js";

/** Bytes under one checksum: what is read to know that a byte is right. */
export const BLOCK_BYTES = 128 * 1024;

/** Where one part of a turn is. Its own bytes are those after its base. */
export interface PartPlace {
	/** Of the whole part, what it begins with included. */
	readonly length: number;
	/** The file of the session that has its own bytes, and where they stand in it. */
	readonly segment: string;
	readonly offset: number;
	/** Own bytes that are stored. */
	readonly stored: number;
	/** CRC-32 of each `BLOCK_BYTES` of them. */
	readonly crcs: readonly number[];
	/** The part begins with the first `length` bytes of this one. */
	readonly base?: PartBase & { length: number };
	/** The most that another part begins with of this one: so much stays stored, whatever is dropped. */
	readonly lent?: number;
	readonly dropped?: true;
}

export interface ImageTurn {
	/** The header as JSON, so that no caller's object is the stored one. */
	readonly headerText: string;
	readonly parts: ReadonlyMap<PartName, PartPlace>;
	/** Tells it from another turn under the same id. */
	readonly born: number;
}

/** A session's own record but for what its turns are. */
export interface SessionRecord {
	/** The meta as JSON, without the two texts below. */
	readonly metaText: string;
	/** Float Unix seconds, as the text has them. */
	readonly createdAt: number;
	readonly expiresAt: number;
	readonly lastUsedAt: number;
	readonly metadataJson: string | null;
	readonly overridesJson: string | null;
	readonly owed: ReadonlyMap<string, Obligation>;
}

export interface Turns {
	get(turn: TurnId): ImageTurn | undefined;
	set(turn: TurnId, value: ImageTurn): unknown;
	delete(turn: TurnId): unknown;
}

/** One part of an appended turn as its frame says it. Bytes follow in the frame in this order. */
export interface AppendedPart {
	readonly name: PartName;
	readonly length: number;
	readonly stored: number;
	readonly base?: NonNullable<PartPlace["base"]>;
	readonly lent?: number;
	readonly dropped?: true;
}

/** What a frame says. */
export type FrameOp =
	| { readonly op: "record"; readonly record: SessionRecord }
	| {
			readonly op: "turn";
			readonly turn: TurnId;
			readonly headerText: string;
			readonly parts: readonly AppendedPart[];
	  }
	| { readonly op: "header"; readonly turn: TurnId; readonly headerText: string }
	| { readonly op: "drop_part"; readonly turn: TurnId; readonly part: PartName }
	| { readonly op: "drop_turn"; readonly turn: TurnId };

/** Where the bytes of a frame's parts are: its segment, and the offset at which they begin in it. */
export interface BodyPlace {
	readonly segment: string;
	readonly offset: number;
	/** Checksums of the blocks of all parts, in the frame's order. */
	readonly crcs: readonly number[];
}

/** Walks through a frame's body as its ops are applied, one after the other. */
export class BodyWalk {
	readonly #place: BodyPlace;
	#offset: number;
	#block = 0;

	constructor(place: BodyPlace) {
		this.#place = place;
		this.#offset = place.offset;
	}

	next({ length, stored, base, lent, dropped }: AppendedPart): PartPlace {
		const blocks = blockCount(stored);
		const place = {
			length,
			segment: this.#place.segment,
			offset: this.#offset,
			stored,
			crcs: this.#place.crcs.slice(this.#block, this.#block + blocks),
			...(base === undefined ? {} : { base }),
			...(lent === undefined ? {} : { lent }),
			...(dropped === undefined ? {} : { dropped }),
		};
		this.#offset += stored;
		this.#block += blocks;
		return place;
	}
}

export function blockCount(bytes: number): number {
	return Math.ceil(bytes / BLOCK_BYTES);
}

let lastBorn = 0;

/** Does to turns what an op of a frame says; the session's record is its caller's. */
export function applyToTurns(turns: Turns, op: Exclude<FrameOp, { op: "record" }>, body: BodyWalk): void {
	if (op.op === "turn") {
		const parts = new Map<PartName, PartPlace>();
		for (const part of op.parts) {
			parts.set(part.name, body.next(part));
			if (part.base !== undefined) lend(turns, part.base);
		}
		turns.set(op.turn, { headerText: op.headerText, parts, born: ++lastBorn });
		return;
	}
	const kept = turns.get(op.turn);
	if (kept === undefined) throw new Error(`a frame names turn ${op.turn}, which is not there`);
	if (op.op === "header") turns.set(op.turn, { ...kept, headerText: op.headerText });
	else if (op.op === "drop_turn") turns.delete(op.turn);
	else {
		const place = kept.parts.get(op.part);
		if (place !== undefined) turns.set(op.turn, withPart(kept, op.part, { ...place, dropped: true }));
	}
}

function lend(turns: Turns, { turn, part, length }: NonNullable<PartPlace["base"]>): void {
	const lender = turns.get(turn);
	const place = lender?.parts.get(part);
	if (lender === undefined || place === undefined || place.length < length) {
		throw new Error(`a frame begins a part with ${part} of turn ${turn}, which is not there`);
	}
	if ((place.lent ?? 0) < length) turns.set(turn, withPart(lender, part, { ...place, lent: length }));
}

function withPart(turn: ImageTurn, part: PartName, place: PartPlace): ImageTurn {
	return { ...turn, parts: new Map(turn.parts).set(part, place) };
}

/** Own bytes that somebody may still read. */
export function neededBytes({ stored, base, lent, dropped }: PartPlace): number {
	if (dropped !== true) return stored;
	return Math.min(stored, Math.max(0, (lent ?? 0) - (base?.length ?? 0)));
}

/** About what a turn takes in a frame's head. */
const TURN_BYTES = 250;
/** And a record. */
const RECORD_BYTES = 1024;

/** The frame that has a session's texts. */
export interface TextsPlace {
	readonly segment: string;
	readonly at: number;
}

/** A session's image, and how many of its files' bytes it still needs. */
export class SessionImage implements Turns {
	record: SessionRecord;
	/** Where the record's texts stand; null before its first frame was applied. */
	textsAt: TextsPlace | null = null;
	readonly #turns = new Map<TurnId, ImageTurn>();
	#needed = 0;

	constructor(record: SessionRecord) {
		this.record = record;
	}

	get(turn: TurnId): ImageTurn | undefined {
		return this.#turns.get(turn);
	}

	set(turn: TurnId, value: ImageTurn): void {
		const before = this.#turns.get(turn);
		this.#needed += neededOf(value) - (before === undefined ? 0 : neededOf(before));
		this.#turns.set(turn, value);
	}

	delete(turn: TurnId): void {
		const before = this.#turns.get(turn);
		if (before !== undefined) this.#needed -= neededOf(before);
		this.#turns.delete(turn);
	}

	/** In the order in which they were made, so that a part's base comes before it. */
	turns(): IterableIterator<[TurnId, ImageTurn]> {
		return this.#turns.entries();
	}

	get size(): number {
		return this.#turns.size;
	}

	/** Bytes that the session would take, written anew. */
	get neededBytes(): number {
		const { metaText, metadataJson, overridesJson } = this.record;
		return (
			this.#needed +
			RECORD_BYTES +
			metaText.length +
			(metadataJson?.length ?? 0) +
			(overridesJson?.length ?? 0)
		);
	}

	/** @param textsAt where the texts of a record among the ops stand: its own frame, or one that was applied before */
	apply(ops: readonly FrameOp[], body: BodyPlace, textsAt: TextsPlace): void {
		const walk = new BodyWalk(body);
		for (const op of ops) {
			if (op.op === "record") this.#setRecord(op.record, textsAt);
			else applyToTurns(this, op, walk);
		}
	}

	#setRecord(record: SessionRecord, textsAt: TextsPlace): void {
		const before = this.textsAt;
		const { metadataJson, overridesJson } = this.record;
		// A frame that names another one for the texts does not have them.
		const isNamed = before?.segment === textsAt.segment && before.at === textsAt.at;
		this.record = isNamed ? { ...record, metadataJson, overridesJson } : record;
		this.textsAt = textsAt;
	}
}

function neededOf({ headerText, parts }: ImageTurn): number {
	let bytes = headerText.length + TURN_BYTES;
	for (const place of parts.values()) bytes += neededBytes(place);
	return bytes;
}
