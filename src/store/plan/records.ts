// Values of one partition's environment: JSON text under a version number. Refuses what it doesn't know.
import { RollpinError } from "../../base/errors.js";
import type { SessionId, TurnId } from "../../base/ids.js";
import type { Obligation, PartBase, PartName, SessionMeta, Tombstone, TurnHeader } from "../store.js";
import { UnreadableRecord } from "../store-errors.js";

/** Version 1 knew no packs. */
const READABLE_VERSIONS: readonly unknown[] = [1, 2];
const RECORD_VERSION = 2;

/**
 * Where one part of a turn is. Its own bytes, which are those after its base, are under its own key, at an offset of the
 * turn's blob file, or at one of the session's pack.
 */
export interface PartPlace {
	/** Of the whole part, what it begins with included. */
	length: number;
	/** Offset in the turn's blob file. */
	blobOffset?: number;
	/** Offset in the turn's pack. With neither offset the part's own bytes have a key. */
	packOffset?: number;
	/** The part begins with the first `length` bytes of this one. */
	base?: PartBase & { length: number };
	/** The most that another part begins with of this one: so much stays stored, whatever is dropped. */
	lent?: number;
	dropped?: true;
}

/** Bytes of a part that are stored with its own turn. */
export function ownLength({ length, base }: PartPlace): number {
	return length - (base?.length ?? 0);
}

export interface TurnRecord {
	header: TurnHeader;
	parts: Partial<Record<PartName, PartPlace>>;
	/** File of this turn alone that holds its large parts, or null when there are none. */
	blob: string | null;
	/** File of the session that holds its other parts; absent when they have keys. */
	pack?: string;
}

/** A file that is named by turns. */
export interface FileRecord {
	/** Bytes that were committed; what stands after them is of commits that never happened. */
	length: number;
	/** Of a pack: turns with parts in it. */
	turns?: number;
}

export interface TombstoneRecord {
	tombstone: Tombstone;
	/** Burying order across partitions and restarts; grows, whatever the wall clock does. */
	order: number;
}

interface Records {
	session: { meta: SessionMeta };
	pack: { name: string };
	obligation: Obligation;
	turn: TurnRecord;
	tombstone: TombstoneRecord;
	blob: FileRecord;
	epoch: { partition: number; epoch: number };
}

/** JSON text of a record, ready to be stored. */
export function encodeRecord<Kind extends keyof Records>(kind: Kind, record: Records[Kind]): Buffer {
	return Buffer.from(JSON.stringify({ version: RECORD_VERSION, kind, ...record }));
}

/** @throws UnreadableRecord when the bytes are no record of that kind and version */
export function decodeRecord<Kind extends keyof Records>(kind: Kind, bytes: Uint8Array): Records[Kind] {
	let record: unknown;
	try {
		record = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
	} catch (error) {
		throw new UnreadableRecord(`a stored ${kind} record is no JSON`, { cause: error });
	}
	const { version, kind: found } = (record ?? {}) as { version?: unknown; kind?: unknown };
	if (typeof version === "number" && !READABLE_VERSIONS.includes(version)) {
		throw new UnreadableRecord(
			`a stored ${kind} record has version ${version}, and this Rollpin reads versions ${READABLE_VERSIONS.join(" and ")}: if another ` +
				"release wrote it, start that one",
		);
	}
	if (typeof version !== "number" || found !== kind || !HOLDS[kind](record as never)) {
		throw new UnreadableRecord(`a stored ${kind} record lacks what it must hold`);
	}
	return record as Records[Kind];
}

/** Of each kind, what would do harm when it was missing: a session without a deadline would count as expired. */
const HOLDS: { [Kind in keyof Records]: (record: Partial<Records[Kind]>) => boolean } = {
	session: ({ meta }) =>
		typeof meta?.id === "string" &&
		[meta.createdAt, meta.expiresAt, meta.lastUsedAt, meta.nextTurn].every(Number.isFinite),
	pack: ({ name }) => typeof name === "string",
	obligation: ({ session, resource, handleJson }) =>
		[session, resource, handleJson].every((text) => typeof text === "string"),
	turn: ({ header, parts, blob }) =>
		Number.isInteger(header?.id) && typeof parts === "object" && parts !== null && blob !== undefined,
	tombstone: ({ tombstone, order }) => typeof tombstone?.id === "string" && Number.isFinite(order),
	blob: ({ length }) => Number.isFinite(length),
	epoch: ({ epoch }) => Number.isFinite(epoch),
};

/** A part whose bytes aren't there as its turn's record says. */
export function damagedPart(id: SessionId, turn: TurnId, part: PartName): RollpinError {
	return new RollpinError(
		"internal",
		`stored bytes are missing (session ${id}, turn ${turn}, ${part}): restore the data dir from a copy`,
	);
}
