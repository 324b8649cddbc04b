// Reads an earlier payload ahead of the one it is compared with, where the medium is too slow to read at once. Owns the
// windows that it reads into; compares nothing.
import type { PayloadCursor } from "./payload-cursor.js";

const WINDOW_BYTES = 512 * 1024;
const WINDOWS = 3;
/** What may arrive at once: a read and the rest of another (see http/reused-reads.ts). All windows together hold more, whatever was used of the first. */
const LOW_BYTES = 2 * WINDOW_BYTES;
/** Windows that nobody uses now, for the next payload: made anew, each would be garbage of half a MiB. */
const spare: Buffer[] = [];
const MAX_SPARE = 64;

export class ReadAhead {
	readonly #cursor: PayloadCursor;
	readonly #filled: Buffer[] = [];
	/** Bytes of the first filled window that were used. */
	#used = 0;
	#waiting = 0;
	#ended = false;
	#stopped = false;
	#wake = (): void => undefined;
	#onReady = (): void => undefined;

	/** Starts to read, from where the cursor is. */
	constructor(cursor: PayloadCursor) {
		this.#cursor = cursor;
		void this.#run();
	}

	/** What comes next, as far as it was read; undefined at the end, and where the reading is late. */
	next(): Buffer | undefined {
		return this.#filled[0]?.subarray(this.#used);
	}

	/** This many bytes of `next()` are done with. */
	use(bytes: number): void {
		this.#used += bytes;
		this.#waiting -= bytes;
		if (this.#used < (this.#filled[0]?.length ?? 0)) return;
		const window = this.#filled.shift();
		if (window !== undefined) giveBack(window);
		this.#used = 0;
		this.#wake();
	}

	/** Resolves when there is enough for what may arrive next; null when there is. */
	ready(): Promise<void> | null {
		if (this.#stopped || this.#ended || this.#waiting >= LOW_BYTES) return null;
		return new Promise((resolve) => {
			this.#onReady = resolve;
		});
	}

	/** Reads nothing more; closes the cursor. */
	stop(): void {
		this.#stopped = true;
		if (this.#ended) this.#release();
		this.#wake();
		this.#onReady();
	}

	#release(): void {
		for (const window of this.#filled.splice(0)) giveBack(window);
	}

	async #run(): Promise<void> {
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
