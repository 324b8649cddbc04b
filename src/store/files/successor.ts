// The place behind a file's slots: which file goes on from this one, so that it is missed when it is removed. Written by the
// owner of that one, who writes nothing else here, and only once that file counts. Pure.
import { crc32 } from "node:zlib";
import { SUCCESSOR_AT, SUCCESSOR_BYTES } from "./slots.js";

const CRC_AT = SUCCESSOR_BYTES - 4;

export interface Successor {
	epoch: number;
	number: number;
	/** Bytes that it was made with. */
	length: number;
	/** It is on the medium for sure: no loss of power takes it. */
	flushed: boolean;
	/** Of the boot under which it was made; 0: not known. */
	bootTag: number;
}

/** @param seed that of the file which is gone on from */
export function encodeSuccessor(successor: Successor, seed: number): Buffer {
	const bytes = Buffer.alloc(SUCCESSOR_BYTES);
	bytes.writeDoubleLE(successor.epoch, 0);
	bytes.writeDoubleLE(successor.number, 8);
	bytes.writeDoubleLE(successor.length, 16);
	bytes.writeUInt32LE(successor.flushed ? 1 : 0, 24);
	bytes.writeUInt32LE(successor.bootTag, 28);
	bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_AT), seed), CRC_AT);
	return bytes;
}

/** Null: none was ever made. @param bytes the file's first ones */
export function decodeSuccessor(bytes: Buffer, seed: number): Successor | "damaged" | null {
	const place = bytes.subarray(SUCCESSOR_AT, SUCCESSOR_AT + SUCCESSOR_BYTES);
	if (place.length < SUCCESSOR_BYTES) return "damaged";
	if (place.every((byte) => byte === 0)) return null;
	if (place.readUInt32LE(CRC_AT) !== crc32(place.subarray(0, CRC_AT), seed)) return "damaged";
	return {
		epoch: place.readDoubleLE(0),
		number: place.readDoubleLE(8),
		length: place.readDoubleLE(16),
		flushed: place.readUInt32LE(24) === 1,
		bootTag: place.readUInt32LE(28),
	};
}
