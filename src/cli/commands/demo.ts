// `rollpin demo`: runs the demo agents, shows progress on stderr and the table on stdout. Exit code 1 when a check fails.
import { EXIT_FAILED, EXIT_OK } from "../../base/exit-codes.js";
import { CLIENT_OPTIONS, readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { integer, onOff } from "../option-types.js";

const LOAD = "Agents";
const SHOWN_PROBLEMS = 20;

const OPTIONS = {
	...CLIENT_OPTIONS,
	sessions: integer({ group: LOAD, description: "agents at once", min: 1, max: 100_000, fallback: 8 }),
	turns: integer({ group: LOAD, description: "turns of each agent", min: 1, max: 10_000, fallback: 8 }),
	maxTokens: integer({
		group: LOAD,
		description: "most tokens sampled in a turn",
		min: 1,
		max: 100_000,
		fallback: 64,
	}),
	streamEvery: integer({
		group: LOAD,
		description: "every n-th agent asks for streamed replies; 0: none",
		min: 0,
		max: 100_000,
		fallback: 4,
	}),
	keep: onOff({
		group: LOAD,
		description: "leave all sessions on the cluster, not only the first",
		fallback: false,
	}),
};

export const demo = plainCommand({
	name: "demo",
	summary: "run demo agents against a running cluster and check what it recorded",
	description:
		"Runs multi-turn, tool-calling agents (the openai client) against a running cluster, reads every session\n" +
		"back and checks that the recorded tokens are exactly what was sent and sampled.",
	options: OPTIONS,
	async run(values) {
		const options = { ...values, ...readClient(values, clientSurroundings()) };
		const terminal = process.stderr.isTTY === true;
		const { runDemo } = await import("../../demo/run-demo.js");
		const { lookAtText } = await import("../../demo/report.js");
		const result = await runDemo(options, (line) => {
			if (terminal) process.stderr.write(`\r\x1b[K${line}`);
		});
		if (terminal) process.stderr.write("\r\x1b[K");
		process.stdout.write(`${result.report}\n`);
		if (result.problems.length === 0) {
			process.stdout.write(
				`checked ${options.sessions} sessions: every recorded token is exactly what was sent and sampled\n` +
					`${lookAtText(options.url, result.lookAt, options.authToken !== null)}\n`,
			);
			return EXIT_OK;
		}
		for (const problem of result.problems.slice(0, SHOWN_PROBLEMS))
			process.stdout.write(`PROBLEM ${problem}\n`);
		process.stdout.write(`${result.problems.length} problems\n`);
		return EXIT_FAILED;
	},
});
