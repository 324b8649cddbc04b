// What a command of `rollpin` is, and how the flags of a plain one become values. Knows no particular command.
import { ConfigError } from "../base/errors.js";
import type { OptionSet, ValuesOf } from "./option-types.js";
import type { RawFlags } from "./raw-flags.js";
import { readFlags } from "./read-flags.js";

/** The one thing that stands behind a command's name, without a flag. */
export interface Argument {
	readonly name: string;
	/** As in "must be ...". */
	readonly rule: string;
	/** Every text that it may be, where those are few. */
	readonly choices?: readonly string[];
	check(text: string): boolean;
}

export interface Command {
	readonly name: string;
	/** Its line in `rollpin --help`. */
	readonly summary: string;
	/** What its own help says above the options; lines end where they stand. */
	readonly description: string;
	readonly argument?: Argument;
	/** In the order in which its help shows them. */
	readonly options: OptionSet;
	/**
	 * Resolves with the exit code (see `base/exit-codes.ts`). What it throws becomes one line and an exit code too.
	 * Code that only this command needs is loaded here: --help of every command answers without it.
	 * @param given the argument's text, where there is one
	 */
	run(flags: RawFlags, given: string): Promise<number>;
}

interface PlainCommand<Options extends OptionSet> extends Omit<Command, "options" | "run"> {
	readonly options: Options;
	run(values: ValuesOf<Options>, given: string): Promise<number>;
}

/** A command whose options come from its flags alone: no environment names, no file. */
export function plainCommand<Options extends OptionSet>(
	parts: PlainCommand<Options>,
): Command & { readonly options: Options } {
	const { argument, options } = parts;
	return {
		...parts,
		async run(flags, given) {
			if (argument !== undefined && !argument.check(given))
				throw new ConfigError(`<${argument.name}> ${JSON.stringify(given)}: must be ${argument.rule}`);
			return parts.run(readFlags(options, flags), given);
		},
	};
}
