// `rollpin reload`: finds the primary of a data dir and tells it to replace its workers. Waits for nothing.
import { resolve } from "node:path";
import { ConfigError } from "../base/errors.js";
import { integer, type OptionSpec, path } from "./option-types.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const TARGET = "Cluster";
const DEFAULT_DATA_DIR = "./rollpin-data";

/** Every flag of `rollpin reload`. */
export const RELOAD_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map<string, OptionSpec<unknown>>([
	[
		"dataDir",
		path({
			group: TARGET,
			description: "data dir of the running cluster",
			placeholder: "dir",
			fallback: DEFAULT_DATA_DIR,
		}),
	],
	[
		"pid",
		integer({
			group: TARGET,
			description: "process id of its primary instead",
			placeholder: "pid",
			min: 1,
			max: 4_194_304,
			fallback: null,
			defaultText: "the one that holds the data dir",
		}),
	],
]);

/** Resolves with the exit code. Throws ConfigError when no cluster is found. */
export async function reload(flags: RawFlags): Promise<number> {
	const given = readFlags(RELOAD_FLAGS, flags);
	// Loaded here, so that --help answers without the store's code.
	const { listensFor, primaryOf } = await import("../data-dir/lock.js");
	const asked = given.get("pid") as number | undefined;
	const dataDir = resolve((given.get("dataDir") as string | undefined) ?? DEFAULT_DATA_DIR);
	const pid = asked ?? (await primaryOf(dataDir));
	// Whoever has no handler for the signal would die of it.
	if (!listensFor(pid, "SIGUSR2")) {
		throw new ConfigError(
			`process ${pid} is not a running cluster's primary; see "pid" of its log's cluster_ready`,
		);
	}
	process.kill(pid, "SIGUSR2");
	process.stdout.write(
		`process ${pid} replaces its workers one by one; its log says reload_done when it is over\n`,
	);
	return 0;
}
