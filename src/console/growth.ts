// What counters did between two scrapes: growth, rates, quantiles. A process that was replaced counts from nothing. Pure.
import type { Sample, Samples } from "./exposition.js";

export interface Scrape {
	/** Monotonic seconds. */
	atS: number;
	samples: Samples;
}

/** Series whose counters are asked for. */
export type Wanted = (labels: Sample["labels"]) => boolean;

const any: Wanted = () => true;

export class Growth {
	readonly seconds: number;
	readonly #now: Samples;
	readonly #before: Samples;
	/** By name, then by labels: the values of the earlier scrape. */
	readonly #earlier = new Map<string, Map<string, number>>();
	readonly #started: readonly [Map<string, number>, Map<string, number>];

	constructor(before: Scrape, now: Scrape) {
		this.seconds = Math.max(now.atS - before.atS, 0.001);
		this.#now = now.samples;
		this.#before = before.samples;
		this.#started = [startsOf(before.samples), startsOf(now.samples)];
	}

	/** Of the counters of that name. A process that was not in the earlier scrape is left out: who knows since when it counts. */
	of(name: string, wanted: Wanted = any): number {
		let sum = 0;
		for (const { labels, value } of this.#now.get(name) ?? [])
			if (wanted(labels)) sum += this.#one(name, labels, value);
		return sum;
	}

	perS(name: string, wanted: Wanted = any): number {
		return this.of(name, wanted) / this.seconds;
	}

	/**
	 * Of a histogram's observations between the two: the value below which `fraction` of them lie, interpolated in its bucket as
	 * Prometheus' histogram_quantile does; null without any.
	 */
	quantile(name: string, fraction: number, wanted: Wanted = any): number | null {
		const counts = new Map<number, number>();
		for (const { labels, value } of this.#now.get(`${name}_bucket`) ?? []) {
			if (!wanted(labels)) continue;
			const end = labels["le"] === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels["le"]);
			counts.set(end, (counts.get(end) ?? 0) + this.#one(`${name}_bucket`, labels, value));
		}
		const buckets = [...counts].sort(([a], [b]) => a - b);
		return quantileOf(buckets, fraction);
	}

	/** Growth by the value of a label, largest first, without those that did not grow. */
	by(name: string, label: string, wanted: Wanted = any): Array<[string, number]> {
		const sums = new Map<string, number>();
		for (const { labels, value } of this.#now.get(name) ?? []) {
			if (!wanted(labels)) continue;
			const key = labels[label] ?? "";
			sums.set(key, (sums.get(key) ?? 0) + this.#one(name, labels, value));
		}
		return [...sums].filter(([, sum]) => sum > 0).sort(([, a], [, b]) => b - a);
	}

	#one(name: string, labels: Sample["labels"], value: number): number {
		const [before, now] = this.#started;
		const process = processOf(labels);
		const startedBefore = before.get(process);
		if (startedBefore === undefined) return 0;
		if (startedBefore !== now.get(process)) return value;
		// A series that is new in a known process began at 0.
		const earlier = this.#seriesOf(name).get(keyOf(labels)) ?? 0;
		return value < earlier ? value : value - earlier;
	}

	#seriesOf(name: string): Map<string, number> {
		const known = this.#earlier.get(name);
		if (known !== undefined) return known;
		const series = new Map((this.#before.get(name) ?? []).map(({ labels, value }) => [keyOf(labels), value]));
		this.#earlier.set(name, series);
		return series;
	}
}

/** @param buckets upper ends, ascending, with how many were at or below each */
export function quantileOf(
	buckets: ReadonlyArray<readonly [number, number]>,
	fraction: number,
): number | null {
	const total = buckets.at(-1)?.[1] ?? 0;
	if (total <= 0) return null;
	const rank = fraction * total;
	let [from, below] = [0, 0];
	for (const [end, count] of buckets) {
		if (count >= rank) {
			if (end === Number.POSITIVE_INFINITY) return from;
			return count === below ? end : from + (end - from) * ((rank - below) / (count - below));
		}
		[from, below] = [end, count];
	}
	return from;
}

/** When each process started, by `processOf`. */
function startsOf(samples: Samples): Map<string, number> {
	return new Map(
		(samples.get("process_start_time_seconds") ?? []).map(({ labels, value }) => [processOf(labels), value]),
	);
}

/** Workers tell their index; router and primary their role, or neither where only one kind of process has the metric. */
function processOf({ role, worker }: Sample["labels"]): string {
	return worker === undefined ? (role === "primary" ? "primary" : "router") : `worker ${worker}`;
}

function keyOf(labels: Sample["labels"]): string {
	return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
