// The settings read once more while the cluster runs: what of them comes into force now, and what has to wait for a restart. Pure.
import { type Compiled, compileConfig } from "./compile-config.js";
import { fileKeyOf } from "./option-names.js";
import type { OptionSpec } from "./option-types.js";
import { OPTION_KEYS, type OptionKey, SERVE_OPTIONS } from "./options.js";
import type { RawSettings, Setting } from "./settings.js";
import type { Machine } from "./settled-values.js";

/** Settings as they were given, and what they come to. */
export interface SettingsInForce {
	settings: RawSettings;
	compiled: Compiled;
}

export interface Reread {
	/** As before, but for what may be changed. */
	next: SettingsInForce;
	/** File keys of what `next` changes. */
	changed: string[];
	/** File keys of what is new, and is left as it was. */
	needsRestart: string[];
}

/**
 * @param read the same flags and environment, and the file as it is now
 * @throws ConfigError when they could not start a cluster, or what is left as it was does not go with what is new
 */
export function rereadSettings(before: SettingsInForce, read: RawSettings, machine: Machine): Reread {
	const sameLaunch: Machine = { ...machine, newInstanceId: () => before.compiled.config.instanceId };
	const { values: asked } = compileConfig(read, sameLaunch);
	const { values: old, config: oldConfig } = before.compiled;
	const mayChange = (key: OptionKey): boolean => {
		const spec: OptionSpec<unknown> = SERVE_OPTIONS[key];
		// The simulated engine is a process of the cluster's own.
		if (key === "upstream" && (old.upstream === null) !== (asked.upstream === null)) return false;
		return spec.reloadable === true;
	};
	const settings: { [Key in OptionKey]?: Setting } = {};
	for (const key of OPTION_KEYS) {
		const setting = (mayChange(key) ? read : before.settings)[key];
		if (setting !== undefined) settings[key] = setting;
	}
	const compiled = compileConfig(settings, sameLaunch);
	const { values, config } = compiled;
	const differs = (key: OptionKey, now: typeof values): boolean =>
		JSON.stringify(now[key]) !== JSON.stringify(old[key]) ||
		// The file's name is a setting, what it holds as well.
		(key === "authTokenFile" && now === values && config.authToken !== oldConfig.authToken);
	return {
		next: { settings, compiled },
		changed: OPTION_KEYS.filter((key) => mayChange(key) && differs(key, values)).map(fileKeyOf),
		needsRestart: OPTION_KEYS.filter((key) => !mayChange(key) && differs(key, asked)).map(fileKeyOf),
	};
}
