// Long work on an event loop that others need: one slice at a time; what can wait, when nobody else has anything to do. Knows
// nothing of the work.

/** A chat takes a dozen turns of the loop, and may find a slice before it in each of them. */
const SLICE_MS = 1;
/** A turn of the loop that took less had nobody else's work in it. */
const QUIET_TURN_MS = 0.2;
/** On a loop that is never quiet every so many turns have a slice. */
const MOST_TURNS = 8;

export class Pace {
	readonly #sliceMs: number;
	readonly #mostTurns: number;
	readonly #nowMs: () => number;
	/** Who is ready for a slice, first come, first served. */
	readonly #waiting: Array<() => void> = [];
	#sliceStartedMs = Number.NEGATIVE_INFINITY;
	#turnStartedMs = 0;
	#turns = 0;

	/** @param mostTurns turns of a busy loop that it waits for a quiet one, at most */
	constructor(
		nowMs: () => number = () => performance.now(),
		{ sliceMs = SLICE_MS, mostTurns = MOST_TURNS } = {},
	) {
		this.#nowMs = nowMs;
		this.#sliceMs = sliceMs;
		this.#mostTurns = mostTurns;
	}

	/** Whether the present slice is over: then `breathe` comes before the next step of the work. */
	get isOver(): boolean {
		return this.#nowMs() - this.#sliceStartedMs >= this.#sliceMs;
	}

	/** Whether work that begins now would be in somebody's way: in that of who waits for a slice, too. */
	get isTaken(): boolean {
		return this.#waiting.length > 0 || this.isOver;
	}

	/** Resolves at the beginning of the caller's next slice. */
	breathe(): Promise<void> {
		return new Promise((resolve) => {
			this.#waiting.push(resolve);
			if (this.#waiting.length === 1) this.#watch();
		});
	}

	readonly #watch = (): void => {
		this.#turns = 0;
		this.#turnStartedMs = this.#nowMs();
		setImmediate(this.#afterTurn);
	};

	readonly #afterTurn = (): void => {
		const nowMs = this.#nowMs();
		const tookMs = nowMs - this.#turnStartedMs;
		this.#turnStartedMs = nowMs;
		this.#turns++;
		if (tookMs >= QUIET_TURN_MS && this.#turns < this.#mostTurns) {
			setImmediate(this.#afterTurn);
			return;
		}
		this.#sliceStartedMs = nowMs;
		// It runs as soon as this callback has returned, and what it takes is no one else's: watched from the next turn on.
		this.#waiting.shift()?.();
		if (this.#waiting.length > 0) setImmediate(this.#watch);
	};
}

/** Of this process: reads, sweeps and whatever else no chat waits for share one slice, however many there are. */
export const background = new Pace();

/** Of this process: long work that a chat waits for. It has a slice in every other turn of the loop at least, and waits for no quiet one. */
export const foreground = new Pace(undefined, { sliceMs: 3, mostTurns: 1 });

/** Runs what rests now and then to its end, as background work. */
export async function inSlices<Result>(steps: Generator<undefined, Result, void>): Promise<Result> {
	for (;;) {
		if (background.isOver) await background.breathe();
		const { done, value } = steps.next();
		if (done === true) return value;
	}
}
