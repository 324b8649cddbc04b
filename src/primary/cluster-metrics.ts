// What the primary counts of its workers, and what it looks at when a scrape asks. Decides nothing.
import type { WorkerStatus } from "../ipc/messages.js";
import { createMetrics, type Gauges } from "../telemetry/metrics/metrics.js";
import type { ChildSlot, SlotExit } from "./child-slot.js";

export interface ClusterMetricsParts {
	version: string;
	workers: () => readonly Pick<WorkerStatus, "state">[];
	/** Not a number when it can't be told. */
	storeFreeBytes: () => number;
}

const STATES: readonly WorkerStatus["state"][] = ["starting", "ready", "draining", "down", "quarantined"];

export class ClusterMetrics {
	readonly counts = createMetrics("primary");
	/** Workers that are killed for their silence, until they are gone. */
	readonly #silent = new Set<number>();

	workerReady(afterMs: number): void {
		this.counts.worker_ready_seconds.observe(afterMs / 1000);
	}

	workerUnresponsive({ index }: Pick<ChildSlot, "index">): void {
		this.#silent.add(index);
	}

	workerExited({ index }: Pick<ChildSlot, "index">, { planned }: Pick<SlotExit, "planned">): void {
		const silent = this.#silent.delete(index);
		this.counts.worker_restarts_total.at(silent ? "unresponsive" : planned ? "planned" : "crash").value++;
	}

	gauges({ storeFreeBytes, version, workers }: ClusterMetricsParts): Gauges<"primary"> {
		return {
			build_info: () => [[[version, process.version], 1]],
			workers: () => {
				const states = workers().map(({ state }) => state);
				return STATES.map((state) => [[state], states.filter((each) => each === state).length] as const);
			},
			store_free_bytes: storeFreeBytes,
		};
	}
}
