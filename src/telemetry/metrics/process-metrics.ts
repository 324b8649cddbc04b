// What one process tells of itself when it is asked: its own metrics, and those of Node.js and the process. Sends nothing.
import { collectDefaultMetrics, Registry } from "prom-client";
import { logDropped } from "../logger.js";
import type { Count } from "./cells.js";
import { expose, type Teller } from "./exposition.js";
import type { Gauges, Metrics } from "./metrics.js";
import type { MetricRole } from "./table.js";

/**
 * Of the loop's lateness only `rollpin_event_loop_lag_seconds` is told: prom-client's figures hold the time between two looks, too, and
 * restart at each scrape. So its own look, a hundred times a second, is put off for good.
 */
const LOOP_PRECISION_MS = 2 ** 31 - 1;
const LOOP_LAG = /^nodejs_eventloop_lag_/;

/** Gauges that end in `_total`, which `promtool check metrics` refuses; the same figures are there by type. */
const MISNAMED: ReadonlySet<string> = new Set([
	"nodejs_active_handles_total",
	"nodejs_active_requests_total",
	"nodejs_active_resources_total",
]);

/**
 * To be called once in a process: it begins to measure.
 * @param gauges looked at for each text
 * @returns makes the text
 */
export function processMetrics<Role extends MetricRole>(
	teller: Teller<Role>,
	metrics: Metrics<Role> & { readonly log_dropped_total: Count },
	gauges: Gauges<Role>,
): () => Promise<string> {
	const register = new Registry();
	const { role, worker } = teller;
	collectDefaultMetrics({
		register,
		labels: { role, ...(worker === undefined ? {} : { worker: String(worker) }) },
		eventLoopMonitoringPrecision: LOOP_PRECISION_MS,
	});
	for (const { name } of register.getMetricsAsArray())
		if (LOOP_LAG.test(name) || MISNAMED.has(name)) register.removeSingleMetric(name);
	return async () => {
		metrics.log_dropped_total.value = logDropped();
		return `${await expose(teller, metrics, gauges)}\n${await register.metrics()}`;
	};
}
