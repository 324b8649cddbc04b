// `rollpin verify`: one checked session against a running cluster, its report on stdout. Exit code 1 when a check fails.
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import { CLIENT_OPTIONS, readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { integer, onOff } from "../option-types.js";

const SESSION = "Session";

const OPTIONS = {
	...CLIENT_OPTIONS,
	turns: integer({ group: SESSION, description: "turns of the session", min: 1, max: 1000, fallback: 4 }),
	maxTokens: integer({
		group: SESSION,
		description: "most tokens sampled in a turn",
		min: 1,
		max: 100_000,
		fallback: 512,
	}),
	keep: onOff({ group: SESSION, description: "leave the session on the cluster", fallback: false }),
};

export const verify = plainCommand({
	name: "verify",
	summary: "run one session against a running cluster and show what became of every token",
	description: [
		"Runs one multi-turn session with tools against a running cluster and its engine, reads it back, checks every",
		"recorded token, and prints the mismatch report (docs/tito.md explains both).",
		"Exit codes: 0 as it should be, 1 a check or the report says otherwise, 2 bad usage or no cluster.",
	].join("\n"),
	options: OPTIONS,
	async run(values) {
		const options = { ...values, ...readClient(values, clientSurroundings()) };
		const { verifyCluster } = await import("../../demo/verify-cluster.js");
		const { report, sound } = await verifyCluster(options);
		process.stdout.write(`${report}\n`);
		return sound ? EXIT_OK : EXIT_FAILED;
	},
});
