// A V8 CPU profile as two lists of functions: by their own time, and by the time of all they call. Pure.
import type { Profiler } from "node:inspector";
import { basename, dirname } from "node:path";

export interface ProfileRow {
	name: string;
	/** Of all samples in which the thread had work. */
	percent: number;
}

export interface ProfileTable {
	self: ProfileRow[];
	inclusive: ProfileRow[];
}

/** Waiting for events is no work. */
const IDLE = new Set(["(idle)", "(program)", "(root)"]);

export function profileTable({ nodes, samples, timeDeltas }: Profiler.Profile, rows: number): ProfileTable {
	const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
	const parents = new Map(nodes.flatMap(({ id, children }) => (children ?? []).map((child) => [child, id])));
	const self = new Map<string, number>();
	const inclusive = new Map<string, number>();
	let total = 0;
	(samples ?? []).forEach((id, at) => {
		const name = names.get(id) ?? "";
		const us = timeDeltas?.[at] ?? 0;
		if (IDLE.has(name)) return;
		total += us;
		add(self, name, us);
		// A function that calls itself counts once.
		const above = new Set<string>();
		for (let node: number | undefined = id; node !== undefined; node = parents.get(node)) {
			above.add(names.get(node) ?? "");
		}
		for (const caller of above) if (!IDLE.has(caller)) add(inclusive, caller, us);
	});
	return { self: top(self, total, rows), inclusive: top(inclusive, total, rows) };
}

function nameOf({ functionName, lineNumber, url }: Profiler.ProfileNode["callFrame"]): string {
	if (url === "") return functionName;
	const file = url.startsWith("node:") ? url : `${basename(dirname(url))}/${basename(url)}`;
	return `${functionName || "(anonymous)"} ${file}:${lineNumber + 1}`;
}

function add(times: Map<string, number>, name: string, us: number): void {
	times.set(name, (times.get(name) ?? 0) + us);
}

function top(times: ReadonlyMap<string, number>, total: number, rows: number): ProfileRow[] {
	return [...times]
		.sort(([, left], [, right]) => right - left)
		.slice(0, rows)
		.map(([name, us]) => ({ name, percent: Math.round((1000 * us) / total) / 10 }));
}
