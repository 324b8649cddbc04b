// GET /metrics: the primary's last snapshot as Prometheus text. Measures nothing itself. docs/metrics.md has the table.
import { Counter, Gauge, Registry } from "prom-client";
import type { ClusterSnapshot } from "../ipc/messages.js";
import { HEARTBEAT_ROWS, type MetricType } from "../telemetry/heartbeat-fields.js";

interface Sample {
	labels: Readonly<Record<string, string | number>>;
	value: number;
}

export interface Metric {
	name: `rollpin_${string}`;
	type: MetricType;
	help: string;
	/** Of the value; "" for a count. */
	unit: string;
	labels: readonly string[];
	samples(snapshot: ClusterSnapshot): readonly Sample[];
}

/** Every metric, in the order of the reply. A worker without a heartbeat has no samples of its figures. */
export const METRICS: readonly Metric[] = [
	{
		name: "rollpin_workers",
		type: "gauge",
		help: "Workers of this cluster by state",
		unit: "",
		labels: ["state"],
		samples({ workers }) {
			const counts = new Map<string, number>();
			for (const { state } of workers) counts.set(state, (counts.get(state) ?? 0) + 1);
			return [...counts].map(([state, value]) => ({ labels: { state }, value }));
		},
	},
	{
		name: "rollpin_worker_epoch",
		type: "gauge",
		help: "Processes this worker's slot has had",
		unit: "",
		labels: ["worker"],
		samples: ({ workers }) =>
			workers.map(({ index, epoch }) => ({ labels: { worker: index }, value: epoch })),
	},
	...HEARTBEAT_ROWS.map(
		([field, { metric, help, unit }]): Metric => ({
			...metric,
			help,
			unit,
			labels: ["worker"],
			samples: ({ workers }) =>
				workers.flatMap(({ index, heartbeat }) =>
					heartbeat === null ? [] : [{ labels: { worker: index }, value: heartbeat[field] }],
				),
		}),
	),
];

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Values are those of the last heartbeats. */
export async function metricsOf(snapshot: ClusterSnapshot, metrics = METRICS): Promise<string> {
	const registry = new Registry();
	for (const { help, labels, name, samples, type } of metrics) {
		const options = { name, help, labelNames: [...labels], registers: [registry] };
		const metric = type === "gauge" ? new Gauge(options) : new Counter(options);
		// Both are new and empty: adding sets.
		for (const sample of samples(snapshot)) metric.inc({ ...sample.labels }, sample.value);
	}
	return registry.metrics();
}
