// Slots, queue, pause and time of running generations. Knows nothing of tokens' meaning or of HTTP.
import { SimRefusal } from "./chat-request.js";
import type { Counters } from "./counters.js";

export type StopKind = "aborted" | "cancelled";

/** One generation request between its arrival and its end. */
export class Run {
	readonly rid: string;
	readonly arrivedMs = performance.now();
	readonly #controller = new AbortController();
	#stopped: StopKind | null = null;

	constructor(rid: string) {
		this.rid = rid;
	}

	/** Fires when the run is aborted or its client is gone. */
	get signal(): AbortSignal {
		return this.#controller.signal;
	}

	/** Why it stopped before its end; a lost client outweighs an abort. */
	get stopped(): StopKind | null {
		return this.#stopped;
	}

	stop(kind: StopKind): void {
		if (this.#stopped === "cancelled") return;
		this.#stopped = kind;
		this.#controller.abort();
	}
}

/** Resolves after `ms`, or when the signal fires. */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
	if (ms <= 0 || signal.aborted) return;
	await new Promise<void>((resolve) => {
		const finish = (): void => {
			clearTimeout(timer);
			signal.removeEventListener("abort", finish);
			resolve();
		};
		const timer = setTimeout(finish, ms);
		signal.addEventListener("abort", finish, { once: true });
	});
}

export class Scheduler {
	readonly #maxRunning: number;
	readonly #maxQueued: number;
	readonly #counters: Counters;
	readonly #runs = new Set<Run>();
	#waiting: Array<() => void> = [];
	#running = 0;
	#paused = false;
	#resumed: Array<() => void> = [];

	/** @param maxRunning generations at once; 0: no limit. @param maxQueued 0: no limit */
	constructor(maxRunning: number, maxQueued: number, counters: Counters) {
		this.#maxRunning = maxRunning;
		this.#maxQueued = maxQueued;
		this.#counters = counters;
	}

	/** Takes a run in: /abort_request finds it from now on. @throws SimRefusal 400 for a rid that is running */
	open(rid: string): Run {
		for (const other of this.#runs) {
			if (other.rid === rid) throw new SimRefusal(400, `Duplicate request ID detected: ${rid}`, "BadRequest");
		}
		const run = new Run(rid);
		this.#runs.add(run);
		return run;
	}

	close(run: Run): void {
		this.#runs.delete(run);
	}

	/**
	 * Waits for a slot, first come first served, and for the end of a pause. A stopped run gets none: false.
	 * @throws SimRefusal 503 when the queue is full
	 */
	async admit(run: Run): Promise<boolean> {
		if (this.#maxRunning > 0 && this.#running >= this.#maxRunning) {
			if (this.#maxQueued > 0 && this.#waiting.length >= this.#maxQueued) {
				throw new SimRefusal(503, "The request queue is full.");
			}
			// The slot is handed over by `leave`, so a later arrival cannot slip in between.
			if (!(await this.#queue(run))) return false;
		} else {
			this.#running++;
			this.#counters.add("running");
		}
		await this.whileRunning(run);
		if (run.stopped === null) return true;
		this.leave();
		return false;
	}

	async #queue(run: Run): Promise<boolean> {
		this.#counters.add("queued");
		const given = await new Promise<boolean>((resolve) => {
			const take = (): void => {
				run.signal.removeEventListener("abort", giveUp);
				resolve(true);
			};
			const giveUp = (): void => {
				this.#waiting = this.#waiting.filter((other) => other !== take);
				resolve(false);
			};
			this.#waiting.push(take);
			run.signal.addEventListener("abort", giveUp, { once: true });
		});
		this.#counters.add("queued", -1);
		return given;
	}

	/** Gives the slot back, to the next in the queue. */
	leave(): void {
		const next = this.#waiting.shift();
		if (next) {
			next();
			return;
		}
		this.#running--;
		this.#counters.add("running", -1);
	}

	/** Resolves at once unless paused; then when generation goes on or the run stops. */
	async whileRunning(run: Run): Promise<void> {
		while (this.#paused && run.stopped === null) {
			await new Promise<void>((resolve) => {
				this.#resumed.push(resolve);
				run.signal.addEventListener("abort", () => resolve(), { once: true });
			});
		}
	}

	get paused(): boolean {
		return this.#paused;
	}

	pause(): void {
		this.#paused = true;
	}

	resume(): void {
		this.#paused = false;
		for (const resolve of this.#resumed.splice(0)) resolve();
	}

	/**
	 * Aborts all runs, or the one with this rid and those whose rids begin with it: SGLang's scheduler goes by prefix, but
	 * is asked only about a rid that is running. Answers how many.
	 */
	abort(rid: string | null): number {
		let count = 0;
		if (rid !== null && ![...this.#runs].some((run) => run.rid === rid)) return count;
		for (const run of this.#runs) {
			if (rid !== null && !run.rid.startsWith(rid)) continue;
			run.stop("aborted");
			count++;
		}
		return count;
	}
}
