// Keeps a reserve free on the data dir's medium: a turn is refused before there is no room left to go on in.
//
// Looks seldom, and is waited for only near the limit. A full medium that nobody saw is no harm: the write fails, and its
// commit with it.
import { statfs } from "node:fs/promises";
import { systemClock } from "../../base/clock.js";
import { storeFull } from "../store-errors.js";
import { type Steps, wait } from "./steps.js";

/** How long a look at the medium is trusted, less what was granted since: far from the limit, and near it. */
const FAR_LOOK_MS = 1000;
const NEAR_LOOK_MS = 100;
/** So much above the reserve is near it. */
const NEAR_BYTES = 64 * 1024 * 1024;

export class FreeSpace {
	readonly #path: string;
	readonly #reserveBytes: number;
	/** Told of every look. */
	readonly #looked: (freeBytes: number) => void;
	#freeBytes = 0;
	#lookedAtMs = Number.NEGATIVE_INFINITY;
	#looking: Promise<void> | null = null;

	constructor(path: string, reserveBytes: number, looked: (freeBytes: number) => void = () => {}) {
		this.#path = path;
		this.#reserveBytes = reserveBytes;
		this.#looked = looked;
	}

	/** Grants a commit that adds `bytes`. @throws RollpinError `store_full` */
	*grant(bytes: number): Steps<void> {
		const ageMs = systemClock.monotonicMs() - this.#lookedAtMs;
		if (this.#freeBytes - bytes < this.#reserveBytes + NEAR_BYTES) {
			if (ageMs > NEAR_LOOK_MS) yield* wait(this.#look());
			if (this.#freeBytes - bytes < this.#reserveBytes) throw storeFull(undefined);
		} else if (ageMs > FAR_LOOK_MS) {
			// What can't be looked at will fail when it is written to.
			this.#look().catch(() => undefined);
		}
		this.#freeBytes -= bytes;
	}

	#look(): Promise<void> {
		this.#looking ??= statfs(this.#path)
			.then(({ bavail, bsize }) => {
				this.#freeBytes = bavail * bsize;
				this.#lookedAtMs = systemClock.monotonicMs();
				this.#looked(this.#freeBytes);
			})
			.finally(() => {
				this.#looking = null;
			});
		return this.#looking;
	}
}
