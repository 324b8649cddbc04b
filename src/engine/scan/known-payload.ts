// Compares a payload with an earlier one while it arrives, so that what both begin with is never kept. Owns the reading
// ahead of the earlier one. Every byte is compared; where the reading is late, the rest is simply kept.
import { commonPrefix } from "../../base/common-prefix.js";

/** Reads an earlier payload from its beginning. */
export interface PayloadCursor {
	/** Fills `buffer` from its start; fewer bytes only at the end, 0 after it. */
	read(buffer: Buffer): Promise<number>;
	close(): Promise<void>;
}

const WINDOW_BYTES = 512 * 1024;
const WINDOWS = 3;
/** More than may arrive at once: two reads and the rest of a third (see reused-reads.ts). */
const LOW_BYTES = 768 * 1024;
/** Windows that nobody uses now, for the next payload: made anew, each would be garbage of half a MiB. */
const spare: Buffer[] = [];
const MAX_SPARE = 64;

export class KnownPayload {
	/** Bytes that both payloads begin with, as far as it is known. */
	knownBytes = 0;
	readonly #cursor: PayloadCursor;
	readonly #filled: Buffer[] = [];
	/** Bytes of the first filled window that were compared. */
	#compared = 0;
	#waiting = 0;
	#ended = false;
	#stopped = false;
	#wake = (): void => undefined;
	#onReady = (): void => undefined;

	/** Starts to read. */
	constructor(cursor: PayloadCursor) {
		this.#cursor = cursor;
		void this.#readAhead();
	}

	/** How many of the first bytes of `bytes` continue the known payload; fewer than all end the comparison. */
	take(bytes: Buffer): number {
		let same = 0;
		while (same < bytes.length && !this.#stopped) {
			const window = this.#filled[0];
			if (window === undefined) {
				this.stop();
				break;
			}
			const ahead = window.subarray(this.#compared);
			const given = bytes.subarray(same, same + ahead.length);
			const alike = commonPrefix(ahead, given);
			same += alike;
			this.#compared += alike;
			this.#waiting -= alike;
			if (alike < given.length) this.stop();
			else if (this.#compared === window.length) this.#give();
		}
		this.knownBytes += same;
		return same;
	}

	/** Resolves when the next bytes may come; null when they may come now. */
	ready(): Promise<void> | null {
		if (this.#stopped || this.#ended || this.#waiting >= LOW_BYTES) return null;
		return new Promise((resolve) => {
			this.#onReady = resolve;
		});
	}

	/** Compares nothing more. */
	stop(): void {
		this.#stopped = true;
		if (this.#ended) this.#release();
		this.#wake();
		this.#onReady();
	}

	#release(): void {
		for (const window of this.#filled.splice(0)) giveBack(window);
	}

	/** The first window was compared. */
	#give(): void {
		const window = this.#filled.shift();
		if (window !== undefined) giveBack(window);
		this.#compared = 0;
		this.#wake();
	}

	async #readAhead(): Promise<void> {
		try {
			while (!this.#stopped && !this.#ended) {
				if (this.#filled.length >= WINDOWS) {
					await new Promise<void>((resolve) => {
						this.#wake = resolve;
					});
					continue;
				}
				const window = spare.pop() ?? Buffer.allocUnsafeSlow(WINDOW_BYTES);
				const bytes = await this.#cursor.read(window);
				// Only the last one is not full. Seen at once, or all windows could be taken and the end still wait for one.
				this.#ended = bytes < window.length;
				if (bytes === 0) giveBack(window);
				else {
					this.#filled.push(window.subarray(0, bytes));
					this.#waiting += bytes;
				}
				if (this.#ended || this.#waiting >= LOW_BYTES) this.#onReady();
			}
		} catch {
			// What can't be read is not compared: the payload is kept whole, and the store says what is wrong.
			this.stop();
		} finally {
			this.#ended = true;
			this.#onReady();
			if (this.#stopped) this.#release();
			await this.#cursor.close().catch(() => undefined);
		}
	}
}

function giveBack(window: Buffer): void {
	if (spare.length < MAX_SPARE) {
		spare.push(Buffer.from(window.buffer, window.byteOffset, WINDOW_BYTES));
	}
}
