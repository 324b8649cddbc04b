// Flags as the command line had them, before any is judged. Pure.
import { ConfigError } from "../base/errors.js";
import { flagOf } from "./option-names.js";
import type { OptionSpec, RawValue } from "./option-types.js";

/** By option key: every value given, in order; `true` or `false` for a switch. */
export type RawFlags = Readonly<Record<string, readonly string[] | boolean | undefined>>;

/**
 * What one flag was given, as its option reads it. Only a list may be given several times: its values are joined.
 * @throws ConfigError for any other repeated flag
 */
export function rawValueOf(
	key: string,
	{ kind }: Pick<OptionSpec<unknown>, "kind">,
	given: readonly string[] | boolean,
): RawValue {
	if (typeof given === "boolean") return { form: "json", value: given };
	if (given.length > 1 && kind !== "list") {
		throw new ConfigError(`${flagOf(key)}: given ${given.length} times (${given.join(", ")}); give it once`);
	}
	return { form: "text", text: given.join(",") };
}
