// Option tables -> Commander flags and --help. Collects what was typed; never judges a value.
import { type Command, Option } from "commander";
import { flagOf } from "./option-names.js";
import type { OptionSpec } from "./option-types.js";
import { defaultText } from "./option-words.js";

/** How one option stands in --help. */
export interface FlagText {
	key: string;
	spec: OptionSpec<unknown>;
}

/** Adds one flag; every value given is collected in order, so that a repeated flag can be refused. */
export function addFlag(command: Command, flag: FlagText): void {
	const { key, spec } = flag;
	const usage = spec.placeholder === null ? flagOf(key) : `${flagOf(key)} <${spec.placeholder}>`;
	const option = new Option(usage, describe(flag)).helpGroup(`${spec.group}:`);
	if (spec.placeholder === null) {
		command.addOption(option);
		command.addOption(new Option(flagOf(key).replace("--", "--no-")).helpGroup(`${spec.group}:`).hideHelp());
		return;
	}
	command.addOption(option.argParser(collect));
}

/** Every value a flag was given, in order. */
function collect(value: string, previous: string[] | undefined): string[] {
	return [...(previous ?? []), value];
}

function describe(flag: FlagText): string {
	const notes: string[] = [];
	if (flag.spec.choices !== undefined) notes.push(flag.spec.choices.join(" | "));
	const fallback = defaultText(flag.spec);
	const withUnit = /^[\d.]+$/.test(fallback) && flag.spec.unit !== undefined;
	if (fallback !== "") notes.push(`default: ${fallback}${withUnit ? ` ${flag.spec.unit}` : ""}`);
	return notes.length === 0 ? flag.spec.description : `${flag.spec.description} (${notes.join("; ")})`;
}
