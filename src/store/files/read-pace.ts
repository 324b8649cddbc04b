// Owns the decision when reading at once holds up the event loop too long. Pure: times come from outside.

/** A part may hold up the loop this long in all, whatever it is read from; */
const GRACE_MS = 20;
/** and beside that as long as a medium of 200 MB/s would. The page cache gives 3 GB/s and more. */
const BYTES_PER_MS = 200_000;

/** How fast one part came so far. */
export class ReadPace {
	#bytes = 0;
	#ms = 0;

	took(bytes: number, ms: number): void {
		this.#bytes += bytes;
		this.#ms += ms;
	}

	get slow(): boolean {
		return this.#ms > GRACE_MS + this.#bytes / BYTES_PER_MS;
	}
}
