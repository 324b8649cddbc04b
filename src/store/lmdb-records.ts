// Values of one partition's environment: JSON text under a version number. Refuses what it doesn't know.
import { RollpinError } from "../base/errors.js";
import type { SessionId, TurnId } from "../base/ids.js";
import type { PartName, SessionMeta, Tombstone, TurnHeader } from "./store.js";

const RECORD_VERSION = 1;

/** Where one part of a turn is: under its own key, or at an offset of the turn's blob file. */
export interface PartPlace {
	length: number;
	/** Offset in the blob file; absent when the part has its own key. */
	blobOffset?: number;
}

export interface TurnRecord {
	header: TurnHeader;
	parts: Partial<Record<PartName, PartPlace>>;
	/** File that holds the large parts, or null when there are none. */
	blob: string | null;
}

export interface TombstoneRecord {
	tombstone: Tombstone;
	/** Burying order across partitions and restarts; grows, whatever the wall clock does. */
	order: number;
}

interface Records {
	session: { meta: SessionMeta };
	turn: TurnRecord;
	tombstone: TombstoneRecord;
	blob: { length: number };
	epoch: { partition: number; epoch: number };
}

/** JSON text of a record, ready to be stored. */
export function encodeRecord<Kind extends keyof Records>(kind: Kind, record: Records[Kind]): Buffer {
	return Buffer.from(JSON.stringify({ version: RECORD_VERSION, kind, ...record }));
}

/** @throws RollpinError `internal` when the bytes are no record of that kind and version */
export function decodeRecord<Kind extends keyof Records>(kind: Kind, bytes: Uint8Array): Records[Kind] {
	let record: (Records[Kind] & { version?: unknown; kind?: unknown }) | undefined;
	try {
		record = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
	} catch (error) {
		throw damagedRecord(kind, error);
	}
	if (record?.version !== RECORD_VERSION || record.kind !== kind) throw damagedRecord(kind, undefined);
	return record;
}

function damagedRecord(kind: string, cause: unknown): RollpinError {
	return new RollpinError(
		"internal",
		`a stored ${kind} record is not readable as version ${RECORD_VERSION}: restore the data dir from a copy, or start ` +
			"with a new one",
		{ cause },
	);
}

/** A part whose bytes aren't there as its turn's record says. */
export function damagedPart(id: SessionId, turn: TurnId, part: PartName): RollpinError {
	return new RollpinError(
		"internal",
		`stored bytes are missing (session ${id}, turn ${turn}, ${part}): restore the data dir from a copy`,
	);
}
