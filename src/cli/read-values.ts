// Raw settings -> typed values, one option at a time. Pure. Rules between options live in compile-config.ts.
import { ConfigError } from "../base/errors.js";
import { envOf } from "./option-names.js";
import type { OptionSpec } from "./option-types.js";
import { defaultText, shownValue } from "./option-words.js";
import { OPTION_KEYS, type OptionKey, type OptionValues, SERVE_OPTIONS } from "./options.js";
import { labelOf, type RawSettings, type Setting } from "./settings.js";

/** Throws ConfigError naming the first option whose value breaks its rule. */
export function readValues(settings: RawSettings): OptionValues {
	const values: Record<string, unknown> = {};
	for (const key of OPTION_KEYS) {
		const setting = settings[key];
		values[key] = setting === undefined ? SERVE_OPTIONS[key].fallback : readValue(key, setting);
	}
	// Each entry was read by its own spec, which is what OptionValues says.
	return values as OptionValues;
}

function readValue(key: OptionKey, setting: Setting): unknown {
	const spec: OptionSpec<unknown> = SERVE_OPTIONS[key];
	const label = labelOf(key, setting.source);
	const value = spec.parse(setting.raw);
	if (value === undefined) {
		throw new ConfigError(
			`${label} ${shownValue(setting.raw)}: must be ${ruleOf(key)}; ${remedyOf(key, setting)}`,
		);
	}
	return value;
}

/** The rule in words. */
export function ruleOf(key: OptionKey): string {
	const spec: OptionSpec<unknown> = SERVE_OPTIONS[key];
	if (spec.choices === undefined) return spec.unit === undefined ? spec.rule : `${spec.rule} (${spec.unit})`;
	return `one of ${spec.choices.join(", ")}`;
}

function remedyOf(key: OptionKey, setting: Setting): string {
	const spec: OptionSpec<unknown> = SERVE_OPTIONS[key];
	if (
		setting.source.from === "environment" &&
		/^tcp:\/\//.test(setting.raw.form === "text" ? setting.raw.text : "")
	) {
		return `Kubernetes sets ${envOf(key)} for a Service named rollpin: set enableServiceLinks to false or rename it`;
	}
	if (spec.hint !== undefined) return spec.hint;
	return `change it, or leave it out for ${defaultText(spec)}`;
}
