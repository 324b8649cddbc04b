// The one table of `rollpin serve` options, by help section. Flags, environment variables, config-file keys, --help and
// the docs are all made from it; nothing else may describe an option.
import type { ValuesOf } from "./option-types.js";
import { CLUSTER_OPTIONS } from "./options/cluster.js";
import { ENGINE_OPTIONS } from "./options/engine.js";
import { LIMIT_OPTIONS } from "./options/limits.js";
import { LOG_OPTIONS } from "./options/logs.js";
import { SANDBOX_OPTIONS } from "./options/sandboxes.js";
import { SECURITY_OPTIONS } from "./options/security.js";
import { SESSION_OPTIONS } from "./options/sessions.js";
import { STORAGE_OPTIONS } from "./options/storage.js";
import { TOKEN_OPTIONS } from "./options/tokens.js";

/** In the order in which help and docs show them. */
export const SERVE_OPTIONS = {
	...CLUSTER_OPTIONS,
	...ENGINE_OPTIONS,
	...TOKEN_OPTIONS,
	...SESSION_OPTIONS,
	...STORAGE_OPTIONS,
	...SANDBOX_OPTIONS,
	...SECURITY_OPTIONS,
	...LIMIT_OPTIONS,
	...LOG_OPTIONS,
};

export type OptionKey = keyof typeof SERVE_OPTIONS;
export const OPTION_KEYS = Object.keys(SERVE_OPTIONS) as OptionKey[];

/** Every option's value, as its type reads it; null where it was left out and has no default of its own. */
export type OptionValues = ValuesOf<typeof SERVE_OPTIONS>;
