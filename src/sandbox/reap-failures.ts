// What failed in ending or finding sandboxes: each failure in the log and in the metrics, how many in a row. Tries nothing again.
import type { Logger } from "../telemetry/logger.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";

export class ReapFailures {
	/** Since the last pass of the reaper that went through. */
	inRow = 0;
	/** The latest of them, or null. */
	latest: string | null = null;
	readonly #log: Logger;
	readonly #metrics: Metrics<"sandbox">;

	constructor({ log, metrics }: { log: Logger; metrics: Metrics<"sandbox"> }) {
		this.#log = log;
		this.#metrics = metrics;
	}

	/** @param sandboxId null: a pass as a whole */
	add(sandboxId: string | null, error: unknown): void {
		this.inRow++;
		this.latest = error instanceof Error ? error.message : String(error);
		this.#metrics.sandbox_reap_failures_total.value++;
		this.#log.event("sandbox_reap_failed", { sandbox_id: sandboxId, failures: this.inRow, err: error });
	}

	clear(): void {
		this.inRow = 0;
		this.latest = null;
	}
}
