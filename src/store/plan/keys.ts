// Key encodings of one partition's environment. Pure; knows no values.
//
// A session id is ASCII without NUL, so `id NUL` ends it unambiguously and a session's turns are one range.
// | key                                    | value                                   |
// |----------------------------------------|-----------------------------------------|
// | 00 `epoch` u64                         | owner of the environment                |
// | 10 id                                  | session record                          |
// | 11 id                                  | pack record: file it appends to         |
// | 12 id 00 resource                      | obligation record                       |
// | 20 id 00 turn:u32                      | turn record: header, places of parts    |
// | 21 id 00 turn:u32 part                 | bytes of a small part                   |
// | 30 file name                           | length of a blob file or pack, as JSON  |
// | 40 id                                  | tombstone record                        |
import type { SessionId, TurnId } from "../../base/ids.js";
import type { PartName } from "../store.js";

/** A half-open key range. */
export interface KeyRange {
	start: Buffer;
	end: Buffer;
}

const EPOCH_TAG = Buffer.concat([Buffer.of(0x00), Buffer.from("epoch")]);
const SESSION = 0x10;
const PACK = 0x11;
const OBLIGATION = 0x12;
const TURN = 0x20;
const PART = 0x21;
const BLOB = 0x30;
const TOMBSTONE = 0x40;

export const EPOCHS: KeyRange = { start: EPOCH_TAG, end: Buffer.of(0x01) };
export const SESSIONS: KeyRange = tagRange(SESSION);
export const OBLIGATIONS: KeyRange = tagRange(OBLIGATION);
export const BLOBS: KeyRange = tagRange(BLOB);
export const TOMBSTONES: KeyRange = tagRange(TOMBSTONE);

export function epochKey(epoch: number): Buffer {
	const number = Buffer.alloc(8);
	number.writeBigUInt64BE(BigInt(epoch));
	return Buffer.concat([EPOCH_TAG, number]);
}

export function epochOf(key: Uint8Array): number {
	return Number(Buffer.from(key).readBigUInt64BE(EPOCH_TAG.length));
}

export function sessionKey(id: SessionId): Buffer {
	return tagged(SESSION, id);
}

export function packKey(id: SessionId): Buffer {
	return tagged(PACK, id);
}

export function obligationKey(id: SessionId, resource: string): Buffer {
	return Buffer.concat([tagged(OBLIGATION, id), Buffer.of(0), Buffer.from(resource, "latin1")]);
}

/** Every obligation of a session. */
export function obligationRange(id: SessionId): KeyRange {
	return ofSession(OBLIGATION, id);
}

export function turnKey(id: SessionId, turn: TurnId): Buffer {
	return ofTurn(TURN, id, turn, "");
}

export function turnRange(id: SessionId): KeyRange {
	return ofSession(TURN, id);
}

export function partKey(id: SessionId, turn: TurnId, part: PartName): Buffer {
	return ofTurn(PART, id, turn, part);
}

/** Every small part of a session. */
export function partRange(id: SessionId): KeyRange {
	return ofSession(PART, id);
}

export function blobKey(name: string): Buffer {
	return tagged(BLOB, name);
}

export function tombstoneKey(id: SessionId): Buffer {
	return tagged(TOMBSTONE, id);
}

/** The text after the tag of a session, blob or tombstone key. */
export function nameOf(key: Uint8Array): string {
	return Buffer.from(key).toString("latin1", 1);
}

/** The smallest key after `key`. */
export function after(key: Uint8Array): Buffer {
	return Buffer.concat([key, Buffer.of(0)]);
}

function tagged(tag: number, name: string): Buffer {
	return Buffer.concat([Buffer.of(tag), Buffer.from(name, "latin1")]);
}

function tagRange(tag: number): KeyRange {
	return { start: Buffer.of(tag), end: Buffer.of(tag + 1) };
}

function ofSession(tag: number, id: SessionId): KeyRange {
	const prefix = tagged(tag, id);
	return { start: Buffer.concat([prefix, Buffer.of(0)]), end: Buffer.concat([prefix, Buffer.of(1)]) };
}

function ofTurn(tag: number, id: SessionId, turn: TurnId, part: string): Buffer {
	const number = Buffer.alloc(5);
	number.writeUInt32BE(turn, 1);
	return Buffer.concat([tagged(tag, id), number, Buffer.from(part, "latin1")]);
}
