// GET /metrics: the primary's last snapshot as Prometheus text. Measures nothing itself.
import { Gauge, Registry } from "prom-client";
import type { ClusterSnapshot } from "../ipc/messages.js";

/** Heartbeat fields that are exported, and what they mean. */
const HELP: Readonly<Record<string, string>> = {
	uptime_s: "Seconds since the worker started",
	rss_mb: "Resident memory of the worker in MiB",
	vms_mb: "Virtual memory of the worker in MiB",
	cpu_percent: "CPU of the worker; 100 is one core",
	loop_lag_p99_ms: "99th percentile of the event loop's delay since the last heartbeat",
	inflight: "Chats under way",
	reqs_total: "Requests since the worker started",
	turns_completed: "Turns committed since the worker started",
	hard_mismatches:
		"Reads whose tito_session_mismatch held more than an assistant's own text, since the worker started",
	rollbacks: "Turns that a retry took the place of, since the worker started",
	history_refused:
		"Chats refused because they were neither the stored history nor a retry, since the worker started",
	branches: "Tree mode: turns that left a path that was there, since the worker started",
	sessions: "Live sessions",
	queue_depth: "Chats waiting for their session's lock",
	store_mb: "Size of the worker's part of the store in MiB",
	partitions_refused: "Parts of the data dir that the worker owns and does not serve",
	breaker_open: "1 while the worker's chats find the engine unreachable and are refused",
};

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Values are those of the last heartbeats; a worker that has none yet has no samples. */
export async function metricsOf(snapshot: ClusterSnapshot): Promise<string> {
	const registry = new Registry();
	const registers = [registry];
	new Gauge({
		name: "rollpin_workers",
		help: "Workers of this cluster by state",
		labelNames: ["state"],
		registers,
		collect() {
			this.reset();
			for (const { state } of snapshot.workers) this.inc({ state });
		},
	});
	new Gauge({
		name: "rollpin_worker_epoch",
		help: "Processes this worker's slot has had",
		labelNames: ["worker"],
		registers,
		collect() {
			for (const { index, epoch } of snapshot.workers) this.set({ worker: index }, epoch);
		},
	});
	for (const [field, help] of Object.entries(HELP)) {
		new Gauge({
			name: `rollpin_${field}`,
			help,
			labelNames: ["worker"],
			registers,
			collect() {
				for (const { index, heartbeat } of snapshot.workers) {
					const value = heartbeat?.[field];
					if (value !== undefined) this.set({ worker: index }, value);
				}
			},
		});
	}
	return registry.metrics();
}
