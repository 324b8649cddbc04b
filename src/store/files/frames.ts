// A frame: one commit as JSON text, the checksums of its parts' blocks, and the bytes of the parts. Pure.
import { crc32 } from "node:zlib";

export const FRAME_HEADER_BYTES = 48;
const MAGIC = 0x4d52_4652;
/** To look for frames behind a damaged one. */
export const FRAME_MAGIC = Buffer.from(Uint32Array.of(MAGIC).buffer);
const CRC_AT = FRAME_HEADER_BYTES - 4;

export interface FrameHeader {
	/** Of the JSON text. */
	jsonBytes: number;
	/** Blocks of its parts, each with a checksum of four bytes after the text. */
	blocks: number;
	/** Checksum of text and table. */
	headCrc: number;
	/** Of the whole frame. */
	frameBytes: number;
	/** Of the slot that commits it. */
	sequence: number;
	/** Where it stands in its file. */
	at: number;
}

/** The bytes between the frame's header and its parts. */
export function headBytesOf({ jsonBytes, blocks }: FrameHeader): number {
	return jsonBytes + 4 * blocks;
}

/** @param seed that of the file: a frame at another place, or of another file, is none */
export function writeFrameHeader(into: Buffer, header: FrameHeader, seed: number): void {
	into.writeUInt32LE(MAGIC, 0);
	into.writeUInt32LE(header.jsonBytes, 4);
	into.writeUInt32LE(header.blocks, 8);
	into.writeUInt32LE(header.headCrc, 12);
	into.writeDoubleLE(header.frameBytes, 16);
	into.writeDoubleLE(header.sequence, 24);
	into.writeDoubleLE(header.at, 32);
	into.writeUInt32LE(0, 40);
	into.writeUInt32LE(crc32(into.subarray(0, CRC_AT), seed), CRC_AT);
}

/** Null when there is no frame, or its header is damaged. */
export function readFrameHeader(bytes: Buffer, at: number, seed: number): FrameHeader | null {
	if (bytes.length < FRAME_HEADER_BYTES || bytes.readUInt32LE(0) !== MAGIC) return null;
	if (bytes.readUInt32LE(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT), seed)) return null;
	const header = {
		jsonBytes: bytes.readUInt32LE(4),
		blocks: bytes.readUInt32LE(8),
		headCrc: bytes.readUInt32LE(12),
		frameBytes: bytes.readDoubleLE(16),
		sequence: bytes.readDoubleLE(24),
		at: bytes.readDoubleLE(32),
	};
	return header.at === at ? header : null;
}

/**
 * @param bytes text and table
 * @returns null when they are damaged
 */
export function decodeFrameHead(header: FrameHeader, bytes: Buffer): { text: string; crcs: number[] } | null {
	const length = headBytesOf(header);
	if (bytes.length < length || crc32(bytes.subarray(0, length)) !== header.headCrc) return null;
	const crcs: number[] = [];
	for (let block = 0; block < header.blocks; block++) {
		crcs.push(bytes.readUInt32LE(header.jsonBytes + 4 * block));
	}
	return { text: bytes.toString("utf8", 0, header.jsonBytes), crcs };
}
