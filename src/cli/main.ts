// The command line's outer shell: runs a command, turns what it throws into one line and an exit code.
import { CommanderError } from "commander";
import { ConfigError, RollpinError } from "../base/errors.js";
import { demo } from "./demo.js";
import { exportSessions } from "./export.js";
import { packageVersion } from "./machine.js";
import { createProgram } from "./program.js";
import { reload } from "./reload.js";
import { serve } from "./serve.js";
import { sim } from "./sim.js";
import { top } from "./top.js";
import { verify } from "./verify.js";

/**
 * Runs one command line (without node and script).
 * @returns the exit code: 0 clean, 1 failed while running, 2 bad usage or configuration
 */
export async function main(argv: readonly string[]): Promise<number> {
	let exitCode = 0;
	const program = createProgram(packageVersion(), {
		serve: async (flags) => {
			exitCode = await serve(flags);
		},
		sim: async (flags) => {
			exitCode = await sim(flags);
		},
		demo: async (flags) => {
			exitCode = await demo(flags);
		},
		reload: async (flags) => {
			exitCode = await reload(flags);
		},
		export: async (flags) => {
			exitCode = await exportSessions(flags);
		},
		verify: async (flags) => {
			exitCode = await verify(flags);
		},
		top: async (flags) => {
			exitCode = await top(flags);
		},
	});
	try {
		await program.parseAsync(argv, { from: "user" });
		return exitCode;
	} catch (error) {
		return report(error, argv[0]);
	}
}

function report(error: unknown, command: string | undefined): number {
	if (error instanceof CommanderError) {
		if (error.exitCode === 0) return 0;
		// Without a command the help itself was the message.
		if (error.code !== "commander.help") say(usageLine(error.message, command));
		return 2;
	}
	if (error instanceof ConfigError) {
		say(error.message);
		return 2;
	}
	if (error instanceof RollpinError) {
		say(error.message);
		return 1;
	}
	// A bug of ours: the stack is what its report needs.
	say(`unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
	return 1;
}

function say(line: string): void {
	process.stderr.write(`rollpin: ${line}\n`);
}

/** Commander's message on one line, with the command that explains it. */
function usageLine(message: string, command: string | undefined): string {
	const line = message
		.replace(/^error: /, "")
		.replace(/\s*\n\s*/g, " ")
		.replace(/\.$/, "");
	const helpOf =
		command !== undefined && ["serve", "sim", "demo", "reload", "export", "verify", "top"].includes(command)
			? `rollpin ${command} --help`
			: "rollpin --help";
	return `${line}; see ${helpOf}`;
}
