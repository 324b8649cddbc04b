// Unguessable ids as hex digits, cut from a block of random bytes. Never gives the same bytes twice.
import { randomFillSync } from "node:crypto";

/** The system's generator costs about the same for one id as for hundreds. */
const block = Buffer.allocUnsafeSlow(4096);
let used = block.length;

/** @param bytes of randomness, at most 4096; the text is twice as long */
export function randomHex(bytes: number): string {
	if (used + bytes > block.length) {
		randomFillSync(block);
		used = 0;
	}
	used += bytes;
	return block.toString("hex", used - bytes, used);
}
