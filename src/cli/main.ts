// The command line's outer shell: runs a command, turns what it throws into one line and an exit code.
import { CommanderError } from "commander";
import { ConfigError, RollpinError } from "../base/errors.js";
import { EXIT_OK, EXIT_USAGE, exitCodeOf } from "../base/exit-codes.js";
import type { Command } from "./command.js";
import { COMMANDS } from "./commands.js";
import { packageVersion } from "./machine.js";
import { createProgram } from "./program.js";

/**
 * Runs one command line (without node and script).
 * @returns the exit code: 0 clean, 1 failed while running, 2 bad usage or configuration
 */
export async function main(
	argv: readonly string[],
	commands: readonly Command[] = COMMANDS,
): Promise<number> {
	let exitCode: number = EXIT_OK;
	const program = createProgram(packageVersion(), commands, async (command, flags, given) => {
		exitCode = await command.run(flags, given);
	});
	try {
		await program.parseAsync(argv, { from: "user" });
		return exitCode;
	} catch (error) {
		if (!(error instanceof CommanderError)) return report(error);
		if (error.exitCode === EXIT_OK) return EXIT_OK;
		// Without a command the help itself was the message.
		if (error.code !== "commander.help") {
			const known = commands.some(({ name }) => name === argv[0]);
			say(usageLine(error.message, known ? `rollpin ${argv[0]} --help` : "rollpin --help"));
		}
		return EXIT_USAGE;
	}
}

function report(error: unknown): number {
	if (error instanceof ConfigError || error instanceof RollpinError) say(error.message);
	// A bug of ours: the stack is what its report needs.
	else say(`unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
	return exitCodeOf(error);
}

function say(line: string): void {
	process.stderr.write(`rollpin: ${line}\n`);
}

/** Commander's message on one line, with the command that explains it. */
function usageLine(message: string, help: string): string {
	const line = message
		.replace(/^error: /, "")
		.replace(/\s*\n\s*/g, " ")
		.replace(/\.$/, "");
	return `${line}; see ${help}`;
}
