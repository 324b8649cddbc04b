// `rollpin top`: the options of the live view, its terminal, its end by q or Ctrl-C. Exit code 0.
import { EXIT_OK } from "../../base/exit-codes.js";
import type { Screen, TopOptions } from "../../top/run-top.js";
import { readClient } from "../client-options.js";
import { plainCommand } from "../command.js";
import { clientSurroundings } from "../machine.js";
import { decimal, onOff } from "../option-types.js";
import { VERB_OPTIONS } from "../verb-options.js";

const VIEW = "View";

const OPTIONS = {
	...VERB_OPTIONS,
	interval: decimal({
		group: VIEW,
		description: "look this often; rates, latencies and errors are those between two looks",
		unit: "s",
		min: 0.1,
		max: 3600,
		fallback: 2,
	}),
	once: onOff({ group: VIEW, description: "show it once and end", fallback: false }),
};

const ALTERNATE_SCREEN = "\x1b[?1049h\x1b[?25l";
const USUAL_SCREEN = "\x1b[?25h\x1b[?1049l";
/** Of a terminal that does not say. */
const USUAL_SIZE = { columns: 80, rows: 24 };

export const top = plainCommand({
	name: "top",
	summary: "watch a running cluster: its workers, rates, errors, engines",
	description: [
		"Shows a running cluster again and again, until q or Ctrl-C: rates, p50 and p99 of chats, errors, engines, and each worker.",
		"On a terminal: up and down select a worker (page up, page down, home, end), tab shows the figures that do not fit, enter all",
		"of the selected worker's. The first line turns red when something is wrong or the cluster is gone. Where the output is no",
		"terminal, each view follows the one before it.",
		"Exit codes: 0 ended by its reader, 2 bad usage or no cluster.",
		"Example: rollpin top --interval 5",
	].join("\n"),
	options: OPTIONS,
	async run(values) {
		await watch({
			...readClient(values, clientSurroundings()),
			intervalMs: Math.round(values.interval * 1000),
			once: values.once,
			json: values.json,
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
	const terminal = stdout.isTTY === true && !options.once && !options.json;
	process.once("SIGINT", end);
	process.once("SIGTERM", end);
	// A closed pipe, as of `| head`, is an end like any other.
	stdout.on("error", end);
	const keys = terminal && stdin.isTTY === true;
	const listeners: Array<(bytes: string) => void> = [];
	const told = (bytes: string): void => {
		for (const listener of listeners) listener(bytes);
	};
	const onData = (bytes: Buffer): void => told(bytes.toString("latin1"));
	const onResize = (): void => told("");
	const screen: Screen = {
		terminal,
		colours: terminal && stdout.hasColors(),
		size: () => ({ columns: stdout.columns ?? USUAL_SIZE.columns, rows: stdout.rows ?? USUAL_SIZE.rows }),
		write: (text) => void stdout.write(text),
		onInput: (listener) => void listeners.push(listener),
	};
	if (keys) {
		stdin.setRawMode(true);
		stdin.on("data", onData);
	}
	if (terminal) {
		stdout.on("resize", onResize);
		stdout.write(ALTERNATE_SCREEN);
	}
	try {
		await runTop(options, screen, stop.signal);
	} finally {
		if (terminal) {
			stdout.off("resize", onResize);
			stdout.write(USUAL_SCREEN);
		}
		if (keys) {
			stdin.setRawMode(false);
			stdin.off("data", onData);
			stdin.pause();
		}
		process.off("SIGINT", end);
		process.off("SIGTERM", end);
	}
}
