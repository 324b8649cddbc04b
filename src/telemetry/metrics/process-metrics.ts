// What one process tells of itself when it is asked: its own metrics, and those of Node.js and the process. Sends nothing.
import { collectDefaultMetrics, Registry } from "prom-client";
import { expose, type Teller } from "./exposition.js";
import type { Gauges, Metrics } from "./metrics.js";
import type { MetricRole } from "./table.js";

/** prom-client's default wakes the process a hundred times a second. Its figures restart at each scrape; ours do not. */
const LOOP_PRECISION_MS = 100;

/** Gauges that end in `_total`, which `promtool check metrics` refuses; the same figures are there by type. */
const MISNAMED = [
	"nodejs_active_handles_total",
	"nodejs_active_requests_total",
	"nodejs_active_resources_total",
] as const;

/**
 * To be called once in a process: it begins to measure.
 * @param gauges looked at for each text
 * @returns makes the text
 */
export function processMetrics<Role extends MetricRole>(
	teller: Teller<Role>,
	metrics: Metrics<Role>,
	gauges: Gauges<Role>,
): () => Promise<string> {
	const register = new Registry();
	const { role, worker } = teller;
	collectDefaultMetrics({
		register,
		labels: { role, ...(worker === undefined ? {} : { worker: String(worker) }) },
		eventLoopMonitoringPrecision: LOOP_PRECISION_MS,
	});
	for (const name of MISNAMED) register.removeSingleMetric(name);
	return async () => `${await expose(teller, metrics, gauges)}\n${await register.metrics()}`;
}
