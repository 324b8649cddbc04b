// Reads the flags of a plain command, which has no environment names and no file. Pure.
import { ConfigError } from "../base/errors.js";
import { flagOf } from "./option-names.js";
import type { OptionSet, OptionSpec, ValuesOf } from "./option-types.js";
import { defaultText, shownValue } from "./option-words.js";
import { type RawFlags, rawValueOf } from "./raw-flags.js";

/**
 * Every option's value: the flag's, else the option's fallback.
 * @throws ConfigError naming the first flag whose value breaks its rule
 */
export function readFlags<Options extends OptionSet>(options: Options, flags: RawFlags): ValuesOf<Options> {
	const values: Record<string, unknown> = {};
	for (const [key, spec] of Object.entries(options)) {
		const given = flags[key];
		if (given === undefined && spec.required)
			throw new ConfigError(`${flagOf(key)}: is needed; give ${spec.rule}`);
		values[key] = given === undefined ? spec.fallback : readFlag(key, spec, given);
	}
	// Each was read by its own option, which is what ValuesOf says.
	return values as ValuesOf<Options>;
}

function readFlag(key: string, spec: OptionSpec<unknown>, given: readonly string[] | boolean): unknown {
	const raw = rawValueOf(key, spec, given);
	const value = spec.parse(raw);
	if (value !== undefined) return value;
	throw new ConfigError(
		`${flagOf(key)} ${shownValue(raw)}: must be ${spec.rule}; change it${spec.required ? "" : `, or leave it out for ${defaultText(spec)}`}`,
	);
}
