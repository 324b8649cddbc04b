// `rollpin sessions`: the sessions of a running cluster. Exit code 1 when a worker could not be asked.
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import { readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { choice, integer, list, onOff } from "../option-types.js";
import { print } from "../output.js";
import { VERB_OPTIONS } from "../verb-options.js";

const WHICH = "Which";

const OPTIONS = {
	running: onOff({ group: WHICH, description: "with a chat that runs or waits", fallback: false }),
	where: list({
		group: WHICH,
		description: "with this in the metadata it was made with; several, by commas or given again: all of them",
		placeholder: "key=value",
		rule: "key=value, such as task=arc-17",
		check: (item) => item.indexOf("=") > 0,
		fallback: [],
		defaultText: "",
	}),
	sort: choice({
		group: WHICH,
		description: "the oldest, or those with the most turns or tokens, first",
		placeholder: "by",
		choices: ["age", "turns", "tokens"],
		fallback: null,
		defaultText: "by worker and id",
	}),
	limit: integer({
		group: WHICH,
		description: "the most that are shown",
		min: 1,
		max: 100_000,
		fallback: 1000,
	}),
	...VERB_OPTIONS,
};

export const sessions = plainCommand({
	name: "sessions",
	summary: "list the sessions of a running cluster",
	description: [
		"Lists sessions with their state (running, queued, idle), turns, tokens, age, and the time that they have left.",
		"Exit codes: 0 done, 1 a worker is down and its sessions are not in the list, 2 bad usage or no cluster.",
		"Example: rollpin sessions --running --sort age --where experiment=7",
	].join("\n"),
	options: OPTIONS,
	async run(values) {
		const { ClusterClient } = await import("../../console/cluster-client.js");
		const { printableJson } = await import("../../console/printable.js");
		const { listSessions, sessionTable } = await import("../../console/session-list.js");
		const client = new ClusterClient(readClient(values, clientSurroundings()));
		const found = await listSessions(client, values);
		await print(`${values.json ? printableJson(found) : sessionTable(found, Date.now() / 1000)}\n`);
		return found.missing.length === 0 ? EXIT_OK : EXIT_FAILED;
	},
});
