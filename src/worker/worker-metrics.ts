// What a worker's gauges are read from, when a scrape asks. Counts nothing.
import type { Gauges } from "../telemetry/metrics/metrics.js";
import type { WorkerContext } from "./context.js";

/** What only the process knows of itself. */
export interface MetricFacts {
	partitionsRefused(): number;
	/** Whether the last commit found its medium writable. */
	storeWritable(): boolean;
}

export function workerGauges(
	{
		admission,
		engines,
		registry,
		store,
	}: Pick<WorkerContext, "admission" | "engines" | "registry" | "store">,
	facts: MetricFacts,
): Gauges<"worker"> {
	return {
		breaker_open: () =>
			engines.all().map(({ client, tally }) => [[tally.label], client.unreachable ? 1 : 0] as const),
		engine_up: () =>
			engines
				.all()
				.flatMap(({ tally }) => (tally.up === null ? [] : [[[tally.label], tally.up ? 1 : 0] as const])),
		sessions: () => registry.size,
		session_queue: () => registry.queueDepth,
		inflight: () => admission.inflight,
		inflight_bytes: () => admission.bytes,
		sessions_damaged: () => store.damagedSessions(),
		store_bytes: () => store.sizeBytes(),
		store_writable: () => (facts.storeWritable() ? 1 : 0),
		partitions_refused: () => facts.partitionsRefused(),
	};
}
