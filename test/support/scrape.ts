// A line of /metrics, waited for: on a busy machine a process may be left out of a scrape.
import { until } from "./wait.js";

/** Resolves when a scrape of the cluster has this very line. */
export async function metricsLine(url: string, line: string): Promise<void> {
	await until(`the line ${line} in /metrics`, 20_000, async () =>
		(await (await fetch(`${url}/metrics`)).text()).split("\n").includes(line),
	);
}
