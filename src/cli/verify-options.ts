// The options of `rollpin verify`: some of the demo's. Pure.
import type { VerifyOptions } from "../demo/verify-cluster.js";
import { DEMO_FLAGS } from "./demo-options.js";
import { integer, type OptionSpec, onOff } from "./option-types.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const SESSION = "Session";

/** Every flag of `rollpin verify`, in the order in which help shows them. */
export const VERIFY_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map<string, OptionSpec<unknown>>([
	...[...DEMO_FLAGS].filter(([key]) => key === "url" || key === "authToken"),
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

/** Throws ConfigError naming the first flag whose value breaks its rule. */
export function readVerifyFlags(flags: RawFlags): VerifyOptions {
	const given = readFlags(VERIFY_FLAGS, flags);
	const value = (key: string) => given.get(key) ?? VERIFY_FLAGS.get(key)?.fallback;
	const token = value("authToken") as string;
	return {
		url: value("url") as string,
		authToken: token === "" ? null : token,
		turns: value("turns") as number,
		maxTokens: value("maxTokens") as number,
		keep: value("keep") as boolean,
	};
}
