// The tables and figures of bench:peer: medians over the rounds, and each round's own ratios. Pure but for the printing.
import { percentile, table } from "../../src/demo/report.js";
import { type LoopFigures, worstOf } from "./loop-watch.js";
import { round } from "./output.js";
import type { FloorFigures } from "./r3-floor.js";
import type { ThreadGroup } from "./threads.js";
import { type Measured, type PeerShape, totalMs } from "./trial.js";

type Runs = ReadonlyMap<string, readonly Measured[]>;

const GROUPS: readonly ThreadGroup[] = ["main", "v8", "libuv", "other"];
/** What others are compared with, where it runs; two workers with one too. */
function referencesOf(shape: PeerShape, runs: Runs): string[] {
	const all = ["peer", "before", "naive server", ...(shape.name === "workers" ? ["ours"] : [])];
	return all.filter((name) => (runs.get(name)?.length ?? 0) > 0);
}

export function report(shape: PeerShape, runs: Runs, floor: FloorFigures | null): object {
	const all = Object.fromEntries([...runs].map(([label]) => [label, describe(shape, runs, label)]));
	process.stderr.write(`\n${shape.name}: ${shape.title}\n\n`);
	process.stderr.write(`${table(summary(shape, runs, all))}\n\n`);
	process.stderr.write(`${table(byThread(shape, all))}\n\n`);
	const own = Object.entries(all).filter(([, { figures }]) => figures !== null);
	if (own.length > 0) {
		const names = Object.keys(own[0]?.[1].figures ?? {});
		const rows = own.map(([label, { figures }]) => [label, ...names.map((name) => figures?.[name] ?? "-")]);
		process.stderr.write(`${table([["", ...names], ...rows])}\n\n`);
	}
	if (floor !== null) process.stderr.write(`${floorText(floor, all)}\n\n`);
	return { title: shape.title, ...all, ...(floor === null ? {} : { floor }) };
}

/** The median; of an even number the mean of the two in the middle, so that two rounds do not show their lesser one. */
function middle(values: readonly number[]): number {
	const below = percentile(values, 0.5);
	const above = -percentile(
		values.map((value) => -value),
		0.5,
	);
	return (below + above) / 2;
}

type Described = ReturnType<typeof describe>;

function describe(shape: PeerShape, runs: Runs, label: string) {
	const own = runs.get(label) ?? [];
	const median = (value: (run: Measured) => number, places = 2) => round(middle(own.map(value)), places);
	const processes = own[0] === undefined ? [] : [...own[0].processes.keys()];
	const loops = own.flatMap(({ loop }) => (loop === null ? [] : [loop]));
	const figureNames = Object.keys(own[0]?.done.figures ?? {});
	return {
		[`${shape.unit}s_per_s`]: median(({ unitsPerS }) => unitsPerS, 1),
		p50_ms: median(({ p50Ms }) => p50Ms),
		p99_ms: median(({ p99Ms }) => p99Ms),
		cpu_ms: median(({ cpuMs }) => cpuMs, 3),
		ratios: Object.fromEntries(
			referencesOf(shape, runs)
				.filter((other) => other !== label)
				.map((other) => [other, ratiosTo(own, runs.get(other) ?? [])]),
		),
		cpu_ms_by_process: Object.fromEntries(
			processes.map((name) => [
				name,
				{
					all: median(({ done, processes }) => totalMs(usedBy(processes, name)) / done.units, 3),
					...Object.fromEntries(
						GROUPS.map((group) => [
							group,
							median(({ done, processes }) => usedBy(processes, name).cpuMs[group] / done.units, 3),
						]),
					),
				},
			]),
		) as Record<string, Record<ThreadGroup | "all", number>>,
		loop: loops.length === 0 ? null : overRounds(loops),
		rss_after_mib: median(({ rssMib }) => rssMib, 0),
		rss_peak_mib: Math.max(...own.map(({ peakRssMib }) => peakRssMib)),
		engine_cpu_ms: median(({ engineCpuMs }) => engineCpuMs, 3),
		agents_cpu_ms: median(({ agentsCpuMs }) => agentsCpuMs, 3),
		figures:
			figureNames.length === 0
				? null
				: Object.fromEntries(
						figureNames.map((name) => [name, median(({ done }) => done.figures?.[name] ?? Number.NaN)]),
					),
	};
}

function usedBy(processes: Measured["processes"], name: string) {
	const used = processes.get(name);
	if (used === undefined) throw new Error(`no process ${name}`);
	return used;
}

/** The median of the p99s, the worst of the rest: one long slice in three rounds is one too many. */
function overRounds(loops: readonly LoopFigures[]): LoopFigures {
	return {
		...worstOf(loops),
		loop_lag_p99_ms: round(middle(loops.map((one) => one.loop_lag_p99_ms))),
	};
}

function ratiosTo(own: readonly Measured[], other: readonly Measured[]) {
	const of = (value: (run: Measured) => number) =>
		round(
			middle(
				own.flatMap((run, at) => {
					const beside = other[at];
					return beside === undefined ? [] : [value(run) / value(beside)];
				}),
			),
		);
	return { speed: of(({ unitsPerS }) => unitsPerS), cpu: of(({ cpuMs }) => cpuMs) };
}

function summary(
	shape: PeerShape,
	runs: Runs,
	all: Record<string, Described>,
): Array<Array<string | number>> {
	const references = referencesOf(shape, runs);
	const head = [
		"",
		`${shape.unit}s/s`,
		...references.map((name) => `of ${name}`),
		"p50 ms",
		"p99 ms",
		`CPU ms/${shape.unit}`,
		...references.map((name) => `of ${name}'s`),
		"lag p99 ms",
		"worst",
		"slices > 20 ms",
		"worst slice ms",
		"RSS after MiB",
		"peak",
		"engine's CPU",
		"agents' CPU",
	];
	const rows = Object.entries(all).map(([label, one]) => [
		label,
		one[`${shape.unit}s_per_s`] as number,
		...references.map((name) => one.ratios[name]?.speed ?? "-"),
		one.p50_ms,
		one.p99_ms,
		one.cpu_ms,
		...references.map((name) => one.ratios[name]?.cpu ?? "-"),
		one.loop?.loop_lag_p99_ms ?? "-",
		one.loop?.loop_lag_worst_ms ?? "-",
		one.loop?.slices_over_20_ms ?? "-",
		one.loop?.worst_slice_ms ?? "-",
		one.rss_after_mib,
		one.rss_peak_mib,
		one.engine_cpu_ms,
		one.agents_cpu_ms,
	]);
	return [head, ...rows];
}

function byThread(shape: PeerShape, all: Record<string, Described>): Array<Array<string | number>> {
	const rows = Object.entries(all).flatMap(([label, { cpu_ms_by_process }]) =>
		Object.entries(cpu_ms_by_process).map(([name, cpu]) => [
			`${label}: ${name}`,
			cpu.all,
			...GROUPS.map((group) => cpu[group]),
		]),
	);
	return [[`CPU ms/${shape.unit}`, "all", "main loop", "V8 helpers", "libuv", "other"], ...rows];
}

function floorText(floor: FloorFigures, all: Record<string, Described>): string {
	const ratios = Object.entries(all).map(
		([label, { cpu_ms }]) => `${label} ${round(cpu_ms / floor.cpu_ms_per_turn)}`,
	);
	return `floor (reply read once, stored bytes read once, compared, new ones written): ${floor.cpu_ms_per_turn} CPU ms/turn; times that: ${ratios.join(", ")}`;
}
