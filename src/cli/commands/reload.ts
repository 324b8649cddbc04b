// `rollpin reload`: finds the primary of a data dir and tells it to replace its workers. Waits for nothing.
import { resolve } from "node:path";
import { ConfigError } from "../../base/errors.js";
import { EXIT_OK } from "../../base/exit-codes.js";
import { plainCommand } from "../command.js";
import { integer, path } from "../option-types.js";

const TARGET = "Cluster";

const OPTIONS = {
	dataDir: path({
		group: TARGET,
		description: "data dir of the running cluster",
		placeholder: "dir",
		fallback: "./rollpin-data",
	}),
	pid: integer({
		group: TARGET,
		description: "process id of its primary instead",
		placeholder: "pid",
		min: 1,
		max: 4_194_304,
		fallback: null,
		defaultText: "the one that holds the data dir",
	}),
};

export const reload = plainCommand({
	name: "reload",
	summary: "replace the workers of a running cluster, one by one",
	description:
		"Tells a running cluster to replace its workers one by one (as SIGUSR2 to its primary does). No request fails,\n" +
		"no session changes, and a new build is picked up. Its log says reload_started and reload_done.",
	options: OPTIONS,
	async run({ dataDir, pid: asked }) {
		const { listensFor, primaryOf } = await import("../../data-dir/running-primary.js");
		const pid = asked ?? (await primaryOf(resolve(dataDir)));
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
		return EXIT_OK;
	},
});
