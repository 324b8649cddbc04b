// Whether the medium answers fast enough to be asked while the event loop waits. Pure but for the clock it is handed.
//
// A call takes long because the medium is slow, or because others were given the processor meanwhile. On a busy machine the
// latter is what happens, and is no reason to have a thread pool wait for every call.

/** A call that took longer held everybody up. */
const SLOW_CALL_MS = 5;
/** So long the medium is not waited for then. */
const SLOW_FOR_MS = 1000;

export class MediumSpeed {
	readonly #nowMs: () => number;
	readonly #preemptions: () => number;
	#preemptionsSeen: number;
	#lastWasSlow = false;
	#slowUntilMs = Number.NEGATIVE_INFINITY;

	/** @param preemptions how often this process has lost the processor to another one so far */
	constructor(
		nowMs: () => number = () => performance.now(),
		preemptions: () => number = () => process.resourceUsage().involuntaryContextSwitches,
	) {
		this.#nowMs = nowMs;
		this.#preemptions = preemptions;
		this.#preemptionsSeen = preemptions();
	}

	/** The time, at the beginning of a call that the loop may wait for; null when it must not. */
	begin(): number | null {
		const nowMs = this.#nowMs();
		return nowMs < this.#slowUntilMs ? null : nowMs;
	}

	/** The call that began then is over. */
	end(beganMs: number): void {
		const nowMs = this.#nowMs();
		if (nowMs - beganMs <= SLOW_CALL_MS) {
			this.#lastWasSlow = false;
			return;
		}
		const before = this.#preemptionsSeen;
		this.#preemptionsSeen = this.#preemptions();
		// Twice running it was the medium, whatever else is going on.
		const isSlow = this.#preemptionsSeen === before || this.#lastWasSlow;
		if (isSlow) this.#slowUntilMs = nowMs + SLOW_FOR_MS;
		this.#lastWasSlow = !isSlow;
	}
}
