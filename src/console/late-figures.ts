// Figures of workers that a scrape went without, since they did not answer in time: the last ones that they told, with their
// age. Without them a busy cluster would look empty.
import type { WorkerStatus } from "./cluster-status.js";
import type { Sample, Samples } from "./exposition.js";

interface Told {
	atS: number;
	pid: number | null;
	samples: Array<[name: string, sample: Sample]>;
}

export class LateFigures {
	readonly #told = new Map<number, Told>();

	/**
	 * @param atS monotonic seconds
	 * @returns the samples with those of late workers, and how old these are, by worker; null: a ready one that never told any
	 */
	complete(
		samples: Samples,
		workers: readonly Pick<WorkerStatus, "worker" | "pid" | "state">[],
		atS: number,
	): { samples: Samples; late: ReadonlyMap<number, number | null> } {
		const all = new Map<string, Sample[]>([...samples].map(([name, own]) => [name, [...own]]));
		const told = byWorker(samples);
		const late = new Map<number, number | null>();
		for (const { pid, state, worker } of workers) {
			const now = told.get(worker);
			if (now !== undefined) {
				this.#told.set(worker, { atS, pid, samples: now });
				continue;
			}
			const last = this.#told.get(worker);
			// Another process has other figures, and one that is not ready has none.
			if (state !== "ready" || last?.pid !== pid) this.#told.delete(worker);
			if (state !== "ready") continue;
			const known = this.#told.get(worker);
			late.set(worker, known === undefined ? null : atS - known.atS);
			for (const [name, sample] of known?.samples ?? []) {
				const own = all.get(name);
				if (own === undefined) all.set(name, [sample]);
				else own.push(sample);
			}
		}
		return { samples: all, late };
	}
}

function byWorker(samples: Samples): Map<number, Told["samples"]> {
	const told = new Map<number, Told["samples"]>();
	for (const [name, own] of samples) {
		for (const sample of own) {
			const { worker } = sample.labels;
			if (worker === undefined) continue;
			const list = told.get(Number(worker)) ?? [];
			list.push([name, sample]);
			told.set(Number(worker), list);
		}
	}
	return told;
}
