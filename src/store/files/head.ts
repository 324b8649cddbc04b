// The first bytes of a file of ours: what it is, whose, by whom, and on which file it goes on. Pure.
import { crc32 } from "node:zlib";

export const HEAD_BYTES = 512;
const FORMAT = 1;
const MAGIC = Buffer.from("rollpin\n");
const CRC_AT = HEAD_BYTES - 4;

export type FileKind = "session" | "ledger";
const KINDS: readonly FileKind[] = ["session", "ledger"];

export interface FileHead {
	kind: FileKind;
	/** Of the session, or of the partition. */
	id: string;
	/** Of the owner that made it, the only one that appends to it. */
	epoch: number;
	/** Tells it from the owner's other files: none has its number. */
	number: number;
	/** Grows with each session that is made, so that a burial knows which ones it is about. */
	order: number;
	/** The file before this one, as far as it is valid; null for the first. */
	pin: { epoch: number; number: number; length: number } | null;
}

// magic 0-7, format 8, kind 12, epoch 16, order 24, number 32, pin's epoch 40, number 48 and length 56, length of the id 64,
// id from 68, crc 508
export function encodeHead({ kind, id, epoch, number, order, pin }: FileHead): Buffer {
	const head = Buffer.alloc(HEAD_BYTES);
	MAGIC.copy(head, 0);
	head.writeUInt32LE(FORMAT, 8);
	head.writeUInt32LE(KINDS.indexOf(kind), 12);
	head.writeDoubleLE(epoch, 16);
	head.writeDoubleLE(order, 24);
	head.writeDoubleLE(number, 32);
	head.writeDoubleLE(pin?.epoch ?? 0, 40);
	head.writeDoubleLE(pin?.number ?? 0, 48);
	head.writeDoubleLE(pin?.length ?? 0, 56);
	head.writeUInt32LE(head.write(id, 68, CRC_AT - 68, "utf8"), 64);
	head.writeUInt32LE(crc32(head.subarray(0, CRC_AT)), CRC_AT);
	return head;
}

/** Null when the bytes are no head, or are damaged. */
export function decodeHead(bytes: Buffer): FileHead | null {
	if (bytes.length < HEAD_BYTES || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) return null;
	if (bytes.readUInt32LE(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT))) return null;
	const kind = KINDS[bytes.readUInt32LE(12)];
	if (bytes.readUInt32LE(8) !== FORMAT || kind === undefined) return null;
	const pinLength = bytes.readDoubleLE(56);
	return {
		kind,
		id: bytes.toString("utf8", 68, 68 + bytes.readUInt32LE(64)),
		epoch: bytes.readDoubleLE(16),
		order: bytes.readDoubleLE(24),
		number: bytes.readDoubleLE(32),
		pin:
			pinLength === 0
				? null
				: { epoch: bytes.readDoubleLE(40), number: bytes.readDoubleLE(48), length: pinLength },
	};
}

/** What the frames of a file are seeded with. */
export function seedOf(encodedHead: Buffer): number {
	return encodedHead.readUInt32LE(CRC_AT);
}
