// Reads every byte that counts of one file, a session's or a ledger's, and tells the places that are not as they were written.
// Writes nothing; concludes nothing.
import { BlockCheck } from "../files/checksum.js";
import { frameAt, Stretches, type WalkedFrame } from "../files/frame-walk.js";
import { decodeHead, type FileHead, HEAD_BYTES, seedOf } from "../files/head.js";
import type { Medium } from "../files/medium.js";
import { FRAMES_AT, type Slot, SUCCESSOR_AT, slotAt, slotsOf } from "../files/slots.js";
import type { Steps } from "../files/steps.js";
import { decodeSuccessor } from "../files/successor.js";
import { BLOCK_BYTES } from "../plan/image.js";
import { decodeOps } from "../plan/op-text.js";
import type { Place } from "./finding.js";

/** Read at once. */
const READ_BYTES = 8 * BLOCK_BYTES;

/** A stretch of a part's bytes that is not what was written. */
export interface BadBlock extends Place {
	offset: number;
}

export interface CheckedFile {
	/** Null: it can't be read. */
	head: FileHead | null;
	/** Not those of blocks. */
	places: Place[];
	badBlocks: BadBlock[];
	/** Bytes that were read. */
	bytes: number;
}

/** Its caller has the memory, for one file after the other. */
export const checkBuffer = () => Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * @param length bytes that count, where the file after it says so; null: what its slots say
 * @throws what the system throws
 */
export function* checkFile(
	medium: Medium,
	file: string,
	length: number | null,
	buffer: Buffer,
): Steps<CheckedFile> {
	const checked: CheckedFile = { head: null, places: [], badBlocks: [], bytes: 0 };
	const bad = (offset: number | null, what: string) => checked.places.push({ file, offset, what });
	const fd = yield* medium.open(file, "r");
	try {
		const { size } = yield* medium.stat(fd);
		checked.bytes = size;
		const stretches = new Stretches(medium, fd);
		const start = Buffer.from(yield* stretches.get(0, FRAMES_AT));
		checked.head = decodeHead(start);
		if (checked.head === null) {
			bad(0, "its head can't be read");
			return checked;
		}
		const seed = seedOf(start.subarray(0, HEAD_BYTES));
		const slots = slotsOf(start, seed);
		for (const [parity, slot] of slots.entries()) {
			if (slot === null) bad(slotAt(parity), "one of its two slots can't be read");
		}
		if (decodeSuccessor(start, seed) === "damaged") {
			bad(SUCCESSOR_AT, "what it says of the file after it can't be read");
		}
		const committed = length ?? newest(slots)?.length ?? 0;
		if (size < committed) bad(size, `it has ${size} bytes of ${committed}`);
		for (let at = FRAMES_AT; at < committed; ) {
			const frame = yield* frameAt(stretches, at, seed);
			if (frame === null) {
				bad(at, "the frame there can't be read, nor what comes after it");
				break;
			}
			yield* checkBlocks(medium, fd, frame, buffer, ({ offset, what }) =>
				checked.badBlocks.push({ file, offset, what }),
			);
			at += frame.header.frameBytes;
		}
		return checked;
	} finally {
		medium.close(fd);
	}
}

function newest([even, odd]: readonly [Slot | null, Slot | null]): Slot | null {
	if (even === null || odd === null) return even ?? odd;
	return even.sequence > odd.sequence ? even : odd;
}

function* checkBlocks(
	medium: Medium,
	fd: number,
	frame: WalkedFrame,
	buffer: Buffer,
	bad: (block: Omit<BadBlock, "file">) => void,
): Steps<void> {
	if (frame.header.blocks === 0) return;
	let at = frame.bodyAt;
	let block = 0;
	for (const op of decodeOps(frame.text).ops) {
		if (op.op !== "turn") continue;
		for (const { name, stored } of op.parts) {
			for (let done = 0; done < stored; ) {
				const piece = buffer.subarray(0, Math.min(buffer.length, stored - done));
				const read = yield* medium.read(fd, piece, at);
				for (let from = 0; from < piece.length; from += BLOCK_BYTES) {
					const bytes = piece.subarray(from, Math.min(from + BLOCK_BYTES, piece.length));
					const check = new BlockCheck(frame.crcs.slice(block, block + 1));
					const isWhole = from + bytes.length <= read && check.add(bytes) && check.end();
					if (!isWhole) {
						bad({
							offset: at + from,
							what: `${bytes.length} bytes of ${name} of turn ${op.turn} are not what was written`,
						});
					}
					block++;
				}
				done += piece.length;
				at += piece.length;
			}
		}
	}
}
