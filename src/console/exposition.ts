// Reads Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/), as far as Rollpin writes it. Pure.

export interface Sample {
	labels: Readonly<Record<string, string>>;
	value: number;
}

/** By the metric's name; buckets under `<name>_bucket`. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** A line that is no sample is passed over. */
export function parseExposition(text: string): Samples {
	const found = new Map<string, Sample[]>();
	for (const line of text.split("\n")) {
		const [, name, labelText = "", value = ""] = LINE.exec(line) ?? [];
		if (name === undefined) continue;
		const labels: Record<string, string> = {};
		for (const [, label = "", escaped = ""] of labelText.matchAll(LABEL))
			labels[label] = escaped.includes("\\")
				? escaped.replace(/\\./g, (each) => ESCAPES[each] ?? each)
				: escaped;
		const sample = { labels, value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value) };
		const samples = found.get(name);
		if (samples === undefined) found.set(name, [sample]);
		else samples.push(sample);
	}
	return found;
}
