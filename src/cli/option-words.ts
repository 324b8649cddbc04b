// How options and their values are put into words: the same words in --help, errors and docs. Pure.
import { writeJson } from "../json/parse.js";
import type { OptionSpec, RawValue } from "./option-types.js";

/** The default in words; the same on every machine. */
export function defaultText(spec: OptionSpec<unknown>): string {
	if (spec.defaultText !== undefined) return spec.defaultText;
	if (Array.isArray(spec.fallback)) return spec.fallback.join(", ");
	if (spec.kind === "switch") return spec.fallback === true ? "on" : "off";
	if (spec.fallback === null) return "none";
	return String(spec.fallback);
}

/** A value as it was given, on one line, cut to a readable length. */
export function shownValue(raw: RawValue): string {
	const whole = raw.form === "text" ? raw.text : writeJson(raw.value);
	const plain = /^[!-~]+$/.test(whole) ? whole : JSON.stringify(whole);
	return plain.length > 80 ? `${plain.slice(0, 77)}...` : plain;
}
