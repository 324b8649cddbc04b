// What a shell may complete, worked out once for all shells from the table of commands. Pure.
import type { Command } from "../command.js";
import { flagOf } from "../option-names.js";

export interface CompletedCommand {
	name: string;
	summary: string;
	/** Of its argument, where those are known. */
	values: readonly string[];
	flags: readonly CompletedFlag[];
}

export interface CompletedFlag {
	/** With its dashes. */
	name: string;
	description: string;
	/** What follows it; null: nothing. */
	value: {
		placeholder: string;
		from: "choices" | "files" | "directories" | "anything";
		choices: readonly string[];
	} | null;
}

const HELP: CompletedFlag = { name: "--help", description: "print this help", value: null };

export function completedCommands(commands: readonly Command[]): CompletedCommand[] {
	const own = commands.map(({ name, summary, options, argument }) => ({
		name,
		summary,
		values: argument?.choices ?? [],
		flags: [...Object.entries(options).map(([key, spec]) => flagFrom(flagOf(key), spec)), HELP],
	}));
	const help = {
		name: "help",
		summary: "print the help of a command",
		values: own.map(({ name }) => name),
		flags: [],
	};
	return [...own, help];
}

function flagFrom(
	name: string,
	{ choices = [], description, kind, placeholder }: Command["options"][string],
): CompletedFlag {
	if (placeholder === null) return { name, description, value: null };
	const isPath = kind === "path";
	const from =
		choices.length > 0
			? "choices"
			: isPath && placeholder === "dir"
				? "directories"
				: isPath
					? "files"
					: "anything";
	return { name, description, value: { placeholder, from, choices } };
}

/** In single quotes, as every one of the three shells reads them. */
export function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
