// How exchanges with one engine ended: by outcome, and of the last minute. Sends nothing and decides nothing about chats.
import { RollpinError } from "../base/errors.js";
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

export class EngineTally {
	/** The engine's URL without what may be secret in it. */
	readonly label: string;
	/** Whether the last exchange that says anything about it got an answer; null before the first. */
	up: boolean | null = null;

	constructor(url: string) {
		this.label = withoutSecrets(url);
	}

	count(metrics: Metrics<"worker">, outcome: EngineOutcome): void {
		metrics.engine_requests_total.at(this.label, outcome).value++;
		if (outcome === "unreachable" || outcome === "timeout") this.up = false;
		else if (outcome !== "cancelled" && outcome !== "breaker_open") this.up = true;
	}
}

/** A URL as it may stand in a metric: without user, password and query. */
function withoutSecrets(url: string): string {
	const { origin, pathname } = new URL(url);
	return `${origin}${pathname.replace(/\/+$/, "")}`;
}
