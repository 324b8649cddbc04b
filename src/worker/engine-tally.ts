// How exchanges with one engine ended: by outcome, and of the last minute. Sends nothing and decides nothing about chats.
import { RollpinError } from "../base/errors.js";
import { publicUrl } from "../base/public-url.js";
import type { EngineClient } from "../engine/http/client.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";

/** `refused`: a status below 500 that is not 200; `failed`: 500 and above; `breaker_open`: nothing was sent. */
export type EngineOutcome =
	| "ok"
	| "refused"
	| "failed"
	| "invalid"
	| "unreachable"
	| "timeout"
	| "cancelled"
	| "breaker_open";

/** @param status of the engine's whole answer */
export function outcomeOfStatus(status: number): EngineOutcome {
	if (status < 300) return "ok";
	return status < 500 ? "refused" : "failed";
}

/** @param error what an exchange ended with in the place of an answer */
export function outcomeOfError(error: unknown): EngineOutcome {
	if (!(error instanceof RollpinError)) return "cancelled";
	switch (error.code) {
		case "upstream_unreachable":
			return "unreachable";
		case "upstream_timeout":
			return "timeout";
		case "upstream_invalid":
		case "upstream_rendered_itself":
			return "invalid";
		case "upstream_breaker_open":
			return "breaker_open";
		default:
			return "cancelled";
	}
}

const FAILURES: ReadonlySet<EngineOutcome> = new Set(["failed", "invalid", "unreachable", "timeout"]);

const SLICE_MS = 5_000;
const SLICES = 12;

/** Counts of the last minute, in slices of five seconds. */
class LastMinute {
	readonly #answers = new Float64Array(SLICES);
	readonly #failures = new Float64Array(SLICES);
	/** The newest slice, counted from the clock's zero. */
	#slice = 0;

	add(failed: boolean, nowMs: number): void {
		this.#forget(nowMs);
		const at = this.#slice % SLICES;
		this.#answers[at] = (this.#answers[at] ?? 0) + 1;
		if (failed) this.#failures[at] = (this.#failures[at] ?? 0) + 1;
	}

	sums(nowMs: number): { answers: number; failures: number } {
		this.#forget(nowMs);
		const sum = (counts: Float64Array) => counts.reduce((left, right) => left + right, 0);
		return { answers: sum(this.#answers), failures: sum(this.#failures) };
	}

	#forget(nowMs: number): void {
		const now = Math.floor(nowMs / SLICE_MS);
		for (let slice = Math.max(this.#slice + 1, now - SLICES + 1); slice <= now; slice++) {
			this.#answers[slice % SLICES] = 0;
			this.#failures[slice % SLICES] = 0;
		}
		this.#slice = Math.max(this.#slice, now);
	}
}

export class EngineTally {
	/** The engine's URL as `publicUrl` has it. */
	readonly label: string;
	/** Whether the last exchange that says anything about it got an answer; null before the first. */
	up: boolean | null = null;
	readonly #client: Pick<EngineClient, "unreachable">;
	#minute = new LastMinute();
	#wasUnreachable = false;

	constructor(client: Pick<EngineClient, "unreachable" | "url">) {
		this.#client = client;
		this.label = publicUrl(client.url);
	}

	/** Exchanges of the last minute that say something about the engine, and those of them that failed. */
	lastMinute(nowMs = performance.now()): { answers: number; failures: number } {
		this.#forgetAbsence();
		return this.#minute.sums(nowMs);
	}

	count(metrics: Metrics<"worker">, outcome: EngineOutcome, nowMs = performance.now()): void {
		metrics.engine_requests_total.at(this.label, outcome).value++;
		this.#forgetAbsence();
		// Nothing was sent, or nobody waited for the answer.
		if (outcome !== "cancelled" && outcome !== "breaker_open") this.#minute.add(FAILURES.has(outcome), nowMs);
		if (outcome === "unreachable" || outcome === "timeout") this.up = false;
		else if (outcome !== "cancelled" && outcome !== "breaker_open") this.up = true;
	}

	/** It is back: that it was away has been told, and says nothing of how it answers now. */
	#forgetAbsence(): void {
		const { unreachable } = this.#client;
		if (this.#wasUnreachable && !unreachable) {
			this.#minute = new LastMinute();
			this.up = true;
		}
		this.#wasUnreachable = unreachable;
	}
}
