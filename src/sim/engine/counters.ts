// Counts what the engine sees and does, and lets a watcher wait for a count. Never sleeps or polls.

/** Counts of generation requests since the start or the last reset; the `...Now` ones are levels. */
export interface SimCounters {
	/** Generation requests whose headers arrived. */
	arrivals: number;
	/** Requests of any other kind on the engine's port. */
	otherArrivals: number;
	/** Between arrival and the end of the answer. */
	inFlight: number;
	maxInFlight: number;
	/** Holding a slot. */
	running: number;
	queued: number;
	/** Generations begun: sampled or scripted. A request that was answered twice would count twice. */
	started: number;
	/** Generations that ran to their end, aborted ones included. */
	generated: number;
	/** Ids of those. */
	generatedTokens: number;
	/** Clients that left before their answer was complete. */
	cancelled: number;
	/** Ended by /abort_request. */
	aborted: number;
	/** Faults carried out. */
	faults: number;
	/** Answers written to the last byte. */
	answered: number;
}

export type CounterName = keyof SimCounters;

const ZERO: SimCounters = {
	arrivals: 0,
	otherArrivals: 0,
	inFlight: 0,
	maxInFlight: 0,
	running: 0,
	queued: 0,
	started: 0,
	generated: 0,
	generatedTokens: 0,
	cancelled: 0,
	aborted: 0,
	faults: 0,
	answered: 0,
};

export const COUNTER_NAMES = Object.keys(ZERO) as CounterName[];

interface Watcher {
	name: CounterName;
	reached: (value: number) => boolean;
	resolve: () => void;
}

export class Counters {
	readonly #values: SimCounters = { ...ZERO };
	readonly #watchers = new Set<Watcher>();

	add(name: CounterName, amount = 1): void {
		this.#values[name] += amount;
		if (name === "inFlight") {
			this.#values.maxInFlight = Math.max(this.#values.maxInFlight, this.#values.inFlight);
		}
		if (this.#watchers.size > 0) this.#notify();
	}

	#notify(): void {
		for (const watcher of this.#watchers) {
			if (!watcher.reached(this.#values[watcher.name])) continue;
			this.#watchers.delete(watcher);
			watcher.resolve();
		}
	}

	snapshot(): SimCounters {
		return { ...this.#values };
	}

	/** Sets the totals to zero; levels stay what they are. */
	reset(): void {
		const { inFlight, running, queued } = this.#values;
		Object.assign(this.#values, ZERO, { inFlight, maxInFlight: inFlight, running, queued });
	}

	/** Resolves once `reached` holds for the counter's value, true; false when the signal fires first. */
	async wait(name: CounterName, reached: (value: number) => boolean, signal: AbortSignal): Promise<boolean> {
		if (reached(this.#values[name])) return true;
		if (signal.aborted) return false;
		return await new Promise<boolean>((resolve) => {
			const watcher: Watcher = { name, reached, resolve: () => resolve(true) };
			this.#watchers.add(watcher);
			signal.addEventListener(
				"abort",
				() => {
					this.#watchers.delete(watcher);
					resolve(false);
				},
				{ once: true },
			);
		});
	}
}
