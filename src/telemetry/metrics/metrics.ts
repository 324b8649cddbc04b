// The cells of one kind of process, made from the table, under the names that they have there. Writes no text.
import { Count, Distribution, Family } from "./cells.js";
import { METRIC_ROWS, type METRICS, type MetricName, type MetricRole } from "./table.js";

type Table = typeof METRICS;

type NamesOf<Role extends MetricRole> = {
	[Name in MetricName]: Role extends Table[Name]["by"][number] ? Name : never;
}[MetricName];

type GaugeName = { [Name in MetricName]: Table[Name]["type"] extends "gauge" ? Name : never }[MetricName];

type CellOf<Spec> = Spec extends { type: "histogram" } ? Distribution : Count;

type WithLabels<Labels, Cell> = Labels extends readonly string[]
	? {
			at(...values: { readonly [Index in keyof Labels]: string }): Cell;
			cells(): Iterable<readonly [labels: readonly string[], cell: Cell]>;
		}
	: never;

/** What is counted as it happens: `metrics.turns_total.value++`, `metrics.rollbacks_total.at("retry").value++`. */
export type Metrics<Role extends MetricRole> = {
	readonly [Name in Exclude<NamesOf<Role>, GaugeName>]: Table[Name] extends { labels: infer Labels }
		? WithLabels<Labels, CellOf<Table[Name]>>
		: CellOf<Table[Name]>;
};

/** One value for each combination of label values. */
export type LabelledValues = Iterable<readonly [labels: readonly string[], value: number]>;

/** What is looked at when it is asked for. */
export type Gauges<Role extends MetricRole> = {
	readonly [Name in NamesOf<Role> & GaugeName]: () => Table[Name] extends { labels: unknown }
		? LabelledValues
		: number | Promise<number>;
};

export function createMetrics<Role extends MetricRole>(role: Role): Metrics<Role> {
	const metrics: Partial<Record<MetricName, unknown>> = {};
	for (const [name, { buckets = [], by, labels, type, values = [] }] of METRIC_ROWS) {
		if (type === "gauge" || !by.includes(role)) continue;
		const make = () => (type === "histogram" ? new Distribution(buckets) : new Count());
		if (labels === undefined) {
			metrics[name] = make();
			continue;
		}
		const family = new Family<Count | Distribution>(make);
		for (const value of values) family.at(value);
		metrics[name] = family;
	}
	return metrics as Metrics<Role>;
}
