// `rollpin top`: the options of the live view, its terminal, its end by q or Ctrl-C. Exit code 0.
import type { TopOptions } from "../top/run-top.js";
import { CLIENT_FLAGS, readClient } from "./client-options.js";
import { clientSurroundings } from "./machine.js";
import { decimal, type OptionSpec, onOff } from "./option-types.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const VIEW = "View";

/** Every flag of `rollpin top`, in the order in which help shows them. */
export const TOP_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map<string, OptionSpec<unknown>>([
	...CLIENT_FLAGS,
	[
		"interval",
		decimal({
			group: VIEW,
			description: "ask this often; figures change with the workers' heartbeats (--heartbeat-interval)",
			unit: "s",
			min: 0.1,
			max: 3600,
			fallback: 2,
		}),
	],
	["once", onOff({ group: VIEW, description: "show it once and end", fallback: false })],
]);

const ALTERNATE_SCREEN = "\x1b[?1049h\x1b[?25l";
const USUAL_SCREEN = "\x1b[?25h\x1b[?1049l";

/** Resolves with the exit code. Throws ConfigError for a bad flag or when no cluster answers. */
export async function top(flags: RawFlags): Promise<number> {
	const options = readTopFlags(flags);
	const { runTop } = await import("../top/run-top.js");
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
		return 0;
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

function readTopFlags(flags: RawFlags): TopOptions {
	const given = readFlags(TOP_FLAGS, flags);
	const value = (key: string) => given.get(key) ?? TOP_FLAGS.get(key)?.fallback;
	return {
		...readClient(given, clientSurroundings()),
		intervalMs: Math.round((value("interval") as number) * 1000),
		once: value("once") as boolean,
	};
}
