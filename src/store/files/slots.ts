// The two slots behind a file's head, written in turn: how much of it is committed. Pure.
import { crc32 } from "node:zlib";
import { HEAD_BYTES } from "./head.js";

const SLOT_BYTES = 64;
/** Which file goes on from this one. */
export const SUCCESSOR_AT = HEAD_BYTES + 2 * SLOT_BYTES;
export const SUCCESSOR_BYTES = 64;
/** Where frames begin. */
export const FRAMES_AT = SUCCESSOR_AT + SUCCESSOR_BYTES;
const CRC_AT = SLOT_BYTES - 4;

export interface Slot {
	/** Grows with every slot that is written. */
	sequence: number;
	/** Bytes of the file that are committed; what stands after them is of commits that never happened. */
	length: number;
	/** So many of them are on the medium for sure. */
	flushed: number;
	/** Offset of the newest frame with a session's record; 0: none. */
	recordAt: number;
	/** Float Unix seconds: a session whose frames are damaged still ends. */
	createdAt: number;
	expiresAt: number;
	lastUsedAt: number;
	/** Of the machine's boot under which it was written; 0: not known. */
	bootTag: number;
}

export function slotAt(sequence: number): number {
	return HEAD_BYTES + (sequence % 2) * SLOT_BYTES;
}

/** @param seed that of the file, so that a slot of another one is none of its own */
export function encodeSlot(slot: Slot, seed: number, into = Buffer.allocUnsafe(SLOT_BYTES)): Buffer {
	into.writeDoubleLE(slot.sequence, 0);
	into.writeDoubleLE(slot.length, 8);
	into.writeDoubleLE(slot.flushed, 16);
	into.writeDoubleLE(slot.recordAt, 24);
	into.writeDoubleLE(slot.createdAt, 32);
	into.writeDoubleLE(slot.expiresAt, 40);
	into.writeDoubleLE(slot.lastUsedAt, 48);
	into.writeUInt32LE(slot.bootTag, 56);
	into.writeUInt32LE(crc32(into.subarray(0, CRC_AT), seed), CRC_AT);
	return into;
}

/** Null when it is damaged. */
function decodeSlot(bytes: Buffer, seed: number): Slot | null {
	if (bytes.length < SLOT_BYTES || bytes.readUInt32LE(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT), seed))
		return null;
	return {
		sequence: bytes.readDoubleLE(0),
		length: bytes.readDoubleLE(8),
		flushed: bytes.readDoubleLE(16),
		recordAt: bytes.readDoubleLE(24),
		createdAt: bytes.readDoubleLE(32),
		expiresAt: bytes.readDoubleLE(40),
		lastUsedAt: bytes.readDoubleLE(48),
		bootTag: bytes.readUInt32LE(56),
	};
}

/** Both slots, the one of even sequence numbers first; null: it is damaged. @param bytes the file's first ones */
export function slotsOf(bytes: Buffer, seed: number): [Slot | null, Slot | null] {
	return [0, 1].map((parity) => {
		const at = slotAt(parity);
		const slot = decodeSlot(bytes.subarray(at, at + SLOT_BYTES), seed);
		return slot !== null && slot.sequence % 2 === parity ? slot : null;
	}) as [Slot | null, Slot | null];
}

/**
 * The newest of both slots. Both are valid as soon as a file has its name, and neither is ever written in part, so a bad
 * one was damaged.
 * @param bytes the file's first ones
 * @returns `intact` false: the other slot is bad, and may have been the newest; null: both are
 */
export function newestSlot(bytes: Buffer, seed: number): { slot: Slot; intact: boolean } | null {
	const [even, odd] = slotsOf(bytes, seed);
	if (even === null || odd === null) {
		const slot = even ?? odd;
		return slot === null ? null : { slot, intact: false };
	}
	return { slot: even.sequence > odd.sequence ? even : odd, intact: true };
}
