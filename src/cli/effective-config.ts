// `rollpin serve --print-config`: every effective setting and where it came from. Pure. Never holds a secret:
// the token file's path is a setting, the token is not.
import { type Compiled, sourceOf } from "./compile-config.js";
import { envOf, fileKeyOf, flagOf } from "./option-names.js";
import { OPTION_KEYS, type OptionKey } from "./options.js";
import type { RawSettings, Source } from "./settings.js";

/** JSON text: `{"<file key>": {"value", "from"}}`, ended by a newline. */
export function effectiveConfig(compiled: Compiled, settings: RawSettings): string {
	const entries = OPTION_KEYS.map((key) => [
		fileKeyOf(key),
		{ value: compiled.values[key], from: origin(key, sourceOf(settings, key), compiled) },
	]);
	return `${JSON.stringify(Object.fromEntries(entries), null, "\t")}\n`;
}

function origin(key: OptionKey, source: Source, { backendsWhy, familyWhy }: Compiled): string {
	switch (source.from) {
		case "flag":
			return `flag ${flagOf(key)}`;
		case "environment":
			return `environment ${envOf(key)}`;
		case "file":
			return `file ${source.path}`;
		case "default":
			if (key === "titoModel") return `chosen by the checkpoint: ${familyWhy}`;
			return key === "backends" ? `default: ${backendsWhy}` : "default";
	}
}
