// Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4): one process's metrics
// written, and the texts of several put together. Counts nothing.
import { Count, Distribution, Family } from "./cells.js";
import type { Gauges, LabelledValues, Metrics } from "./metrics.js";
import { METRIC_ROWS, type MetricRole, type MetricSpec } from "./table.js";

export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Whose figures they are. */
export interface Teller<Role extends MetricRole = MetricRole> {
	role: Role;
	/** Index of a worker. */
	worker?: number;
}

/** As text: every metric of that kind of process, in the table's order, a blank line between two. */
export async function expose<Role extends MetricRole>(
	teller: Teller<Role>,
	metrics: Metrics<Role>,
	gauges: Gauges<Role>,
): Promise<string> {
	const cells = metrics as Readonly<Record<string, unknown>>;
	const readers = gauges as Readonly<Record<string, () => LabelledValues | number | Promise<number>>>;
	const texts: string[] = [];
	for (const [name, spec] of METRIC_ROWS) {
		if (!(spec.by as readonly string[]).includes(teller.role)) continue;
		const lines = [
			`# HELP rollpin_${name} ${spec.help.replaceAll("\\", "\\\\")}`,
			`# TYPE rollpin_${name} ${spec.type}`,
		];
		const value = spec.type === "gauge" ? await readers[name]?.() : cells[name];
		lines.push(...samples(`rollpin_${name}`, spec.labels ?? [], tellerLabels(spec, teller), value));
		texts.push(lines.join("\n"));
	}
	return `${texts.join("\n\n")}\n`;
}

/** The texts of several processes as one: each metric once, with the samples of all who have it. */
export function mergeTexts(texts: readonly string[]): string {
	const byName = new Map<string, string>();
	for (const text of texts) {
		for (const block of text.split("\n\n")) {
			const [help = "", type = "", ...lines] = block.trimEnd().split("\n");
			if (!help.startsWith("# HELP ")) continue;
			const name = help.split(" ", 3)[2] ?? "";
			const known = byName.get(name);
			// A worker of a newer build may say it in other words: the first ones stand.
			if (lines.length > 0) byName.set(name, `${known ?? `${help}\n${type}`}\n${lines.join("\n")}`);
			else if (known === undefined) byName.set(name, `${help}\n${type}`);
		}
	}
	return `${[...byName.values()].join("\n")}\n`;
}

/** Label and value of a sample, in the form of the text. */
type Labels = readonly (readonly [name: string, value: string])[];

/** Those that say whose a figure is. */
function tellerLabels({ by }: MetricSpec, { role, worker }: Teller): Labels {
	return [
		...(by.length > 1 ? ([["role", role]] as const) : []),
		...(worker === undefined ? [] : ([["worker", String(worker)]] as const)),
	];
}

function samples(name: string, labels: readonly string[], teller: Labels, value: unknown): string[] {
	const named = (values: readonly string[]): Labels => [
		...labels.map((label, index) => [label, values[index] ?? ""] as const),
		...teller,
	];
	// A figure that can't be told now is left out.
	if (typeof value === "number") return Number.isNaN(value) ? [] : [sample(name, named([]), value)];
	if (value instanceof Family)
		return [...value.cells()].flatMap(([values, cell]) => written(name, named(values), cell));
	if (value instanceof Count || value instanceof Distribution) return written(name, named([]), value);
	return [...(value as LabelledValues)].map(([values, each]) => sample(name, named(values), each));
}

function written(name: string, labels: Labels, cell: unknown): string[] {
	if (cell instanceof Count) return [sample(name, labels, cell.value)];
	if (!(cell instanceof Distribution)) return [];
	let count = 0;
	const lines: string[] = [];
	for (const [range, observed] of cell.counts.entries()) {
		count += observed;
		const le = cell.bounds[range] ?? "+Inf";
		lines.push(sample(`${name}_bucket`, [...labels, ["le", String(le)]], count));
	}
	return [...lines, sample(`${name}_sum`, labels, cell.sum), sample(`${name}_count`, labels, count)];
}

function sample(name: string, labels: Labels, value: number): string {
	const text = labels.map(([label, of]) => `${label}="${escaped(of)}"`).join(",");
	return `${name}${text === "" ? "" : `{${text}}`} ${value}`;
}

function escaped(value: string): string {
	return value.replace(/["\\\n]/g, (found) => (found === "\n" ? "\\n" : `\\${found}`));
}
