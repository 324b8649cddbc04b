// `rollpin status`: one screen about a running cluster. Exit code 1 when something is not as it should be.
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import { readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { print } from "../output.js";
import { VERB_OPTIONS } from "../verb-options.js";

export const status = plainCommand({
	name: "status",
	summary: "say on one screen whether a running cluster is well",
	description: [
		"Shows health and its checks, load and latencies of the last second, errors, engines, workers, and the chats that run longest.",
		"Exit codes: 0 fine, 1 a check is not ok, a worker is not ready or stuck, or the cluster does not serve, 2 bad usage or no cluster.",
		"Example: rollpin status --url http://rollpin:8080 || page-somebody",
	].join("\n"),
	options: VERB_OPTIONS,
	async run(values) {
		const { printableJson } = await import("../../console/printable.js");
		const { askStatus, statusText } = await import("../../console/status-view.js");
		const found = await askStatus(readClient(values, clientSurroundings()));
		const workers = [...found.load.workers].map(([worker, figures]) => ({ worker, ...figures }));
		const json = { ...found, load: { ...found.load, workers } };
		await print(`${values.json ? printableJson(json) : statusText(found, Date.now() / 1000)}\n`);
		return found.fine ? EXIT_OK : EXIT_FAILED;
	},
});
