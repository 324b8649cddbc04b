// Whether the medium answers fast enough to be asked while the event loop waits. Pure but for the clock it is handed.

/** A call that took longer held everybody up: not again for a while. */
const SLOW_CALL_MS = 5;
const SLOW_FOR_MS = 1000;

export class Pace {
	readonly #nowMs: () => number;
	#slowUntilMs = Number.NEGATIVE_INFINITY;

	constructor(nowMs: () => number = () => performance.now()) {
		this.#nowMs = nowMs;
	}

	/** The time, at the beginning of a call that the loop may wait for; null when it must not. */
	begin(): number | null {
		const nowMs = this.#nowMs();
		return nowMs < this.#slowUntilMs ? null : nowMs;
	}

	/** The call that began then is over. */
	end(beganMs: number): void {
		const nowMs = this.#nowMs();
		if (nowMs - beganMs > SLOW_CALL_MS) this.#slowUntilMs = nowMs + SLOW_FOR_MS;
	}
}
