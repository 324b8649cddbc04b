// What the contract names and this version does not do. Refused by name: a setting is never ignored in silence.
import type { OptionKey } from "./options.js";

/** Options that do nothing yet; hidden from --help. */
export const NOT_YET_OPTIONS: readonly OptionKey[] = [];

/** Choices that do nothing yet; hidden from --help. */
export const NOT_YET_CHOICES: { readonly [Key in OptionKey]?: readonly string[] } = {};

/** The choices of an option that work in this version. */
export function workingChoices(key: OptionKey, choices: readonly string[]): readonly string[] {
	const missing = NOT_YET_CHOICES[key] ?? [];
	return choices.filter((choice) => !missing.includes(choice));
}
