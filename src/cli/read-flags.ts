// Reads the flags of the small commands (sim, demo), which have no environment names and no file. Pure.
import { ConfigError } from "../base/errors.js";
import { flagOf } from "./option-names.js";
import type { OptionSpec } from "./option-types.js";
import { defaultText, shownValue } from "./option-words.js";
import type { RawFlags } from "./settings.js";

/** The given flags' values by key. Throws ConfigError naming the first flag whose value breaks its rule. */
export function readFlags(
	specs: ReadonlyMap<string, OptionSpec<unknown>>,
	flags: RawFlags,
): Map<string, unknown> {
	const given = new Map<string, unknown>();
	for (const [key, spec] of specs) {
		const value = flags[key];
		if (value !== undefined) given.set(key, readFlag(key, spec, value));
	}
	return given;
}

function readFlag(key: string, spec: OptionSpec<unknown>, given: readonly string[] | boolean): unknown {
	if (typeof given !== "boolean" && given.length > 1) {
		throw new ConfigError(`${flagOf(key)}: given ${given.length} times (${given.join(", ")}); give it once`);
	}
	const raw =
		typeof given === "boolean"
			? ({ form: "json", value: given } as const)
			: ({ form: "text", text: given.join() } as const);
	const value = spec.parse(raw);
	if (value !== undefined) return value;
	throw new ConfigError(
		`${flagOf(key)} ${shownValue(raw)}: must be ${spec.rule}; change it, or leave it out for ${defaultText(spec)}`,
	);
}
