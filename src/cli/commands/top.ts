// `rollpin top`: the options of the live view, its terminal, its end by q or Ctrl-C. Exit code 0.
import { EXIT_OK } from "../../base/exit-codes.js";
import type { TopOptions } from "../../top/run-top.js";
import { CLIENT_OPTIONS, readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { decimal, onOff } from "../option-types.js";

const VIEW = "View";

const OPTIONS = {
	...CLIENT_OPTIONS,
	interval: decimal({
		group: VIEW,
		description: "ask this often; figures change with the workers' heartbeats (--heartbeat-interval)",
		unit: "s",
		min: 0.1,
		max: 3600,
		fallback: 2,
	}),
	once: onOff({ group: VIEW, description: "show it once and end", fallback: false }),
};

const ALTERNATE_SCREEN = "\x1b[?1049h\x1b[?25l";
const USUAL_SCREEN = "\x1b[?25h\x1b[?1049l";

export const top = plainCommand({
	name: "top",
	summary: "watch a running cluster: its workers, sessions and turns",
	description:
		"Shows the workers of a running cluster and the figures of their last heartbeats, again and again, until q or Ctrl-C.\n" +
		"Where the output is no terminal, each view follows the one before it.",
	options: OPTIONS,
	async run(values) {
		await watch({
			...readClient(values, clientSurroundings()),
			intervalMs: Math.round(values.interval * 1000),
			once: values.once,
		});
		return EXIT_OK;
	},
});

/** Ends by q, Ctrl-C or a signal, or after one view. Throws ConfigError when no cluster answers. */
async function watch(options: TopOptions): Promise<void> {
	const { runTop } = await import("../../top/run-top.js");
	const stop = new AbortController();
	const end = (): void => stop.abort();
	const { stdin, stdout } = process;
	const terminal = stdout.isTTY === true && !options.once;
	process.once("SIGINT", end);
	process.once("SIGTERM", end);
	// A closed pipe, as of `| head`, is an end like any other.
	stdout.on("error", end);
	const keys = terminal && stdin.isTTY === true;
	if (keys) {
		stdin.setRawMode(true);
		stdin.on("data", (key) => {
			if (key.includes("q") || key.includes("\x03")) end();
		});
	}
	if (terminal) stdout.write(ALTERNATE_SCREEN);
	try {
		await runTop(
			options,
			{ terminal, columns: () => stdout.columns ?? 200, write: (text) => void stdout.write(text) },
			stop.signal,
		);
	} finally {
		if (terminal) stdout.write(USUAL_SCREEN);
		if (keys) {
			stdin.setRawMode(false);
			stdin.pause();
		}
		process.off("SIGINT", end);
		process.off("SIGTERM", end);
	}
}
