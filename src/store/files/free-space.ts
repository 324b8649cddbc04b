// Keeps a reserve free on the data dir's medium, so that LMDB itself never meets a full one.
//
// A write of lmdb-js that fails for lack of space can damage its process's heap (seen: malloc abort), so a commit is
// refused before it gets there. Blob files may fail at any time; plain file I/O takes that well.
import { statfs } from "node:fs/promises";
import { systemClock } from "../../base/clock.js";
import { storeFull } from "../store-errors.js";

/** How long a look at the medium is trusted, less what was granted since. */
const LOOK_MS = 100;

export class FreeSpace {
	readonly #path: string;
	readonly #reserveBytes: number;
	#freeBytes = 0;
	#lookedAtMs = Number.NEGATIVE_INFINITY;

	constructor(path: string, reserveBytes: number) {
		this.#path = path;
		this.#reserveBytes = reserveBytes;
	}

	/**
	 * Grants a commit that adds `bytes`. One that adds none may use half the reserve: burying must go on when
	 * appending no longer can.
	 * @throws RollpinError `store_full`
	 */
	async grant(bytes: number): Promise<void> {
		if (systemClock.monotonicMs() - this.#lookedAtMs > LOOK_MS) {
			const found = await statfs(this.#path);
			this.#freeBytes = found.bavail * found.bsize;
			this.#lookedAtMs = systemClock.monotonicMs();
		}
		const reserve = bytes > 0 ? this.#reserveBytes : this.#reserveBytes / 2;
		if (this.#freeBytes - bytes < reserve) throw storeFull(undefined);
		this.#freeBytes -= bytes;
	}
}
