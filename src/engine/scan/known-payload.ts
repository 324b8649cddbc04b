// Compares a payload with an earlier one while it arrives, so that what both begin with is never kept. Every byte is compared.
// What can't be read, or not in time, is not: the rest is simply kept.
import { commonPrefix } from "../../base/common-prefix.js";
import type { PayloadCursor } from "./payload-cursor.js";
import { ReadAhead } from "./read-ahead.js";

/**
 * What is stored is read into this one buffer and compared in the same breath, whosever turn it is. Small enough for a
 * core's own cache: out of it the page cache is read four times as fast as into half a MiB.
 */
const stored = Buffer.allocUnsafeSlow(64 * 1024);
const NOTHING = Buffer.alloc(0);

export class KnownPayload {
	/** Bytes that both payloads begin with, as far as it is known. */
	knownBytes = 0;
	readonly #cursor: PayloadCursor;
	/** Once the medium turned out to be slow. */
	#ahead: ReadAhead | null = null;
	#stopped = false;

	constructor(cursor: PayloadCursor) {
		this.#cursor = cursor;
	}

	/** How many of the first bytes of `bytes` continue the known payload; fewer than all end the comparison. */
	take(bytes: Buffer): number {
		if (this.#stopped) return 0;
		const same = this.#ahead === null ? this.#takeNow(bytes) : takeAhead(this.#ahead, bytes);
		this.knownBytes += same;
		if (same < bytes.length) this.stop();
		return same;
	}

	/** Resolves when the next bytes may come; null when they may come now. */
	ready(): Promise<void> | null {
		if (this.#stopped) return null;
		if (this.#ahead === null) {
			if (this.#cursor.readNow(NOTHING) !== null) return null;
			this.#ahead = new ReadAhead(this.#cursor);
		}
		return this.#ahead.ready();
	}

	/** Compares nothing more. */
	stop(): void {
		if (this.#stopped) return;
		this.#stopped = true;
		if (this.#ahead !== null) this.#ahead.stop();
		else void this.#cursor.close().catch(() => undefined);
	}

	#takeNow(bytes: Buffer): number {
		let same = 0;
		while (same < bytes.length) {
			const wanted = Math.min(stored.length, bytes.length - same);
			const read = this.#readNow(wanted === stored.length ? stored : stored.subarray(0, wanted));
			const alike = commonPrefix(stored, bytes, 0, same, read);
			same += alike;
			if (alike < wanted) break;
		}
		return same;
	}

	#readNow(into: Buffer): number {
		try {
			return this.#cursor.readNow(into) ?? 0;
		} catch {
			// The payload is kept whole, and the store says what is wrong.
			return 0;
		}
	}
}

function takeAhead(ahead: ReadAhead, bytes: Buffer): number {
	let same = 0;
	while (same < bytes.length) {
		const window = ahead.next();
		if (window === undefined) break;
		const given = Math.min(window.length, bytes.length - same);
		const alike = commonPrefix(window, bytes, 0, same, given);
		same += alike;
		ahead.use(alike);
		if (alike < given) break;
	}
	return same;
}
