// `rollpin demo`: runs the demo agents, shows progress on stderr and the table on stdout. Exit code 1 when a check fails.
import { readDemoFlags } from "./demo-options.js";
import { clientSurroundings } from "./machine.js";
import type { RawFlags } from "./settings.js";

const SHOWN_PROBLEMS = 20;

/** Resolves with the exit code. Throws ConfigError for a bad flag or when no cluster answers. */
export async function demo(flags: RawFlags): Promise<number> {
	const options = readDemoFlags(flags, clientSurroundings());
	const terminal = process.stderr.isTTY === true;
	// Loaded here, so that --help answers without the client library.
	const { runDemo } = await import("../demo/run-demo.js");
	const result = await runDemo(options, (line) => {
		if (terminal) process.stderr.write(`\r\x1b[K${line}`);
	});
	if (terminal) process.stderr.write("\r\x1b[K");
	process.stdout.write(`${result.report}\n`);
	if (result.problems.length === 0) {
		process.stdout.write(
			`checked ${options.sessions} sessions: every recorded token is exactly what was sent and sampled\n`,
		);
		return 0;
	}
	for (const problem of result.problems.slice(0, SHOWN_PROBLEMS))
		process.stdout.write(`PROBLEM ${problem}\n`);
	process.stdout.write(`${result.problems.length} problems\n`);
	return 1;
}
