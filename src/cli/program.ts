// The command table -> Commander's tree: names, flags, help. Parsing throws CommanderError and never exits.
import { Command as Commander, CommanderError } from "commander";
import { EXIT_USAGE } from "../base/exit-codes.js";
import type { Command } from "./command.js";
import { addFlag } from "./flags.js";
import { nearestName } from "./nearest.js";
import type { RawFlags } from "./raw-flags.js";

/** Width of --help when it does not go to a terminal; the docs show it so. */
const HELP_WIDTH = 110;
const HELP_OPTION = ["-h, --help", "print this help"] as const;

/** @param run called with the command that was asked for */
export function createProgram(
	version: string,
	commands: readonly Command[],
	run: (command: Command, flags: RawFlags, given: string) => Promise<void>,
): Commander {
	const program = new Commander("rollpin")
		.description("Sticky, token-exact session servers between OpenAI chat agents and an SGLang engine")
		.version(version, "-V, --version", "print the version")
		.helpOption(...HELP_OPTION)
		.helpCommand(false)
		.showSuggestionAfterError(true)
		.exitOverride()
		.configureOutput({
			// The one error line is written where the error is caught.
			outputError: () => undefined,
			getOutHelpWidth: () => (process.stdout.isTTY ? process.stdout.columns : HELP_WIDTH),
			getErrHelpWidth: () => (process.stderr.isTTY ? process.stderr.columns : HELP_WIDTH),
		});
	for (const command of commands) {
		const added = program
			.command(command.name)
			.summary(command.summary)
			.description(command.description)
			.helpOption(...HELP_OPTION);
		const { argument } = command;
		if (argument === undefined) added.action((flags: RawFlags) => run(command, flags, ""));
		else {
			added
				.argument(`<${argument.name}>`)
				.action((given: string, flags: RawFlags) => run(command, flags, given));
		}
		for (const [key, spec] of Object.entries(command.options)) addFlag(added, { key, spec });
	}
	addHelp(program);
	return program;
}

/** Commander's own `help` answers an unknown command with the whole help and no word of what is wrong. */
function addHelp(program: Commander): void {
	program
		.command("help")
		.argument("[command]")
		.summary("print the help of a command")
		.helpOption(...HELP_OPTION)
		.action((name: string | undefined) => {
			if (name === undefined) return program.help();
			const command = program.commands.find((candidate) => candidate.name() === name);
			if (command !== undefined) return command.help();
			const near = nearestName(
				name,
				program.commands.map((candidate) => candidate.name()),
			);
			const hint = near === null ? "" : ` (Did you mean ${near}?)`;
			throw new CommanderError(EXIT_USAGE, "rollpin.unknownCommand", `unknown command '${name}'${hint}`);
		});
}
