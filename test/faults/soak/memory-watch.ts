// The memory of each of the cluster's places (primary, router, worker n) over a run, whatever processes came and went in them.

import { percentile } from "../../../src/demo/report.js";
import { measureProcesses } from "../../../src/primary/process-usage.js";
import type { SoakCluster } from "./cluster.js";

const EVERY_MS = 1_000;
const MIB = 1024 * 1024;

export interface Level {
	place: string;
	/** Medians of the first and the last quarter, in MiB. */
	firstMib: number;
	lastMib: number;
	mostMib: number;
}

export class MemoryWatch {
	readonly #cluster: SoakCluster;
	readonly #samples = new Map<string, number[]>();
	#stopped = false;
	readonly #loop: Promise<void>;

	constructor(cluster: SoakCluster) {
		this.#cluster = cluster;
		this.#loop = this.#watch();
	}

	async stop(): Promise<Level[]> {
		this.#stopped = true;
		await this.#loop;
		return [...this.#samples].map(([place, samples]) => {
			const quarter = Math.ceil(samples.length / 4);
			return {
				place,
				firstMib: median(samples.slice(0, quarter)),
				lastMib: median(samples.slice(-quarter)),
				mostMib: Math.round(Math.max(...samples)),
			};
		});
	}

	async #watch(): Promise<void> {
		while (!this.#stopped) {
			await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
			// Between two of its lives, nobody is asked.
			await this.#sample().catch(() => undefined);
		}
	}

	async #sample(): Promise<void> {
		const places = new Map([
			["primary", this.#cluster.primaryPid],
			["router", this.#cluster.routerPid()],
		]);
		for (const { pid, state, worker } of await this.#cluster.workers())
			if (pid !== null && state === "ready") places.set(`worker ${worker}`, pid);
		const usage = await measureProcesses([...places.values()].filter((pid) => pid > 0));
		for (const [place, pid] of places) {
			const bytes = usage.get(pid)?.rssBytes;
			if (bytes === undefined) continue;
			const samples = this.#samples.get(place) ?? [];
			this.#samples.set(place, samples);
			samples.push(bytes / MIB);
		}
	}
}

function median(samples: readonly number[]): number {
	return Math.round(
		percentile(
			[...samples].sort((a, b) => a - b),
			0.5,
		),
	);
}
