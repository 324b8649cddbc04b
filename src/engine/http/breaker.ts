// Keeps requests from an engine that cannot be reached. One per worker and engine; decisions stand in breaker-state.ts.
import { RollpinError } from "../../base/errors.js";
import {
	admit,
	BREAKER_RULES,
	type BreakerOutcome,
	type BreakerState,
	CLOSED,
	settle,
} from "./breaker-state.js";

export interface BreakerListener {
	opened(failures: number, retryAfterMs: number): void;
	closed(): void;
}

export class Breaker {
	readonly #url: string;
	readonly #listener: BreakerListener | undefined;
	#state: BreakerState = CLOSED;

	constructor(url: string, listener?: BreakerListener) {
		this.#url = url;
		this.#listener = listener;
	}

	/**
	 * Runs one exchange, if the engine may be tried.
	 * @throws RollpinError `upstream_breaker_open` with Retry-After, without having run it; what `exchange` throws
	 */
	async guard<T>(exchange: () => Promise<T>): Promise<T> {
		const { state, verdict } = admit(this.#state, performance.now());
		this.#state = state;
		if (verdict.kind === "refuse") {
			throw new RollpinError(
				"upstream_breaker_open",
				`the engine at ${this.#url} could not be reached ${this.#failures()} times in a row; nothing was sent, try again later`,
				{ retryAfterS: Math.max(1, Math.ceil(verdict.retryAfterMs / 1000)) },
			);
		}
		try {
			const result = await exchange();
			this.#settle("success", verdict.probe);
			return result;
		} catch (error) {
			this.#settle(outcomeOf(error), verdict.probe);
			throw error;
		}
	}

	/** Whether the engine counts as unreachable: from when it opened to the first success. */
	get open(): boolean {
		return this.#state.kind !== "closed";
	}

	/** Whether an exchange would be refused now. */
	get refuses(): boolean {
		const state = this.#state;
		return state.kind === "probing" || (state.kind === "open" && performance.now() < state.untilMs);
	}

	#settle(outcome: BreakerOutcome, probe: boolean): void {
		const before = this.#state;
		const nowMs = performance.now();
		const state = settle(BREAKER_RULES, before, outcome, probe, nowMs);
		this.#state = state;
		if (state.kind === "closed" && before.kind !== "closed") this.#listener?.closed();
		if (state.kind === "open" && before.kind === "closed") {
			this.#listener?.opened(state.failures, Math.round(state.untilMs - nowMs));
		}
	}

	#failures(): number {
		return this.#state.failures;
	}
}

/** What the end of an exchange says of the way to the engine. */
export function outcomeOf(error: unknown): BreakerOutcome {
	if (!(error instanceof RollpinError)) return "unknown";
	if (error.code === "upstream_unreachable") return "failure";
	// It answered something: the way to it is open.
	return error.code === "upstream_invalid" || error.code === "upstream_rendered_itself"
		? "success"
		: "unknown";
}
