// What a command of `rollpin` is, and how the flags of a plain one become values. Knows no particular command.
import type { OptionSet, ValuesOf } from "./option-types.js";
import type { RawFlags } from "./raw-flags.js";
import { readFlags } from "./read-flags.js";

export interface Command {
	readonly name: string;
	/** Its line in `rollpin --help`. */
	readonly summary: string;
	/** What its own help says above the options; lines end where they stand. */
	readonly description: string;
	/** In the order in which its help shows them. */
	readonly options: OptionSet;
	/**
	 * Resolves with the exit code (see `base/exit-codes.ts`). What it throws becomes one line and an exit code too.
	 * Code that only this command needs is loaded here: --help of every command answers without it.
	 */
	run(flags: RawFlags): Promise<number>;
}

interface PlainCommand<Options extends OptionSet> extends Omit<Command, "options" | "run"> {
	readonly options: Options;
	run(values: ValuesOf<Options>): Promise<number>;
}

/** A command whose options come from its flags alone: no environment names, no file. */
export function plainCommand<Options extends OptionSet>(
	parts: PlainCommand<Options>,
): Command & { readonly options: Options } {
	return { ...parts, run: async (flags) => parts.run(readFlags(parts.options, flags)) };
}
