// The options of `rollpin verify`. Pure.
import type { VerifyOptions } from "../demo/verify-cluster.js";
import { CLIENT_FLAGS, readClient, type Surroundings } from "./client-options.js";
import { integer, type OptionSpec, onOff } from "./option-types.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const SESSION = "Session";

/** Every flag of `rollpin verify`, in the order in which help shows them. */
export const VERIFY_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map<string, OptionSpec<unknown>>([
	...CLIENT_FLAGS,
	["turns", integer({ group: SESSION, description: "turns of the session", min: 1, max: 1000, fallback: 4 })],
	[
		"maxTokens",
		integer({
			group: SESSION,
			description: "most tokens sampled in a turn",
			min: 1,
			max: 100_000,
			fallback: 512,
		}),
	],
	["keep", onOff({ group: SESSION, description: "leave the session on the cluster", fallback: false })],
]);

/** Throws ConfigError naming the first flag whose value breaks its rule, or as `readClient`. */
export function readVerifyFlags(flags: RawFlags, surroundings: Surroundings): VerifyOptions {
	const given = readFlags(VERIFY_FLAGS, flags);
	const value = (key: string) => given.get(key) ?? VERIFY_FLAGS.get(key)?.fallback;
	return {
		...readClient(given, surroundings),
		turns: value("turns") as number,
		maxTokens: value("maxTokens") as number,
		keep: value("keep") as boolean,
	};
}
