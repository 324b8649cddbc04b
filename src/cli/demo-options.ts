// The options of `rollpin demo`. Pure.
import type { DemoOptions } from "../demo/run-demo.js";
import { CLIENT_FLAGS, readClient, type Surroundings } from "./client-options.js";
import { integer, type OptionSpec, onOff } from "./option-types.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const LOAD = "Agents";

/** Every flag of `rollpin demo`, in the order in which help shows them. */
export const DEMO_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map<string, OptionSpec<unknown>>([
	...CLIENT_FLAGS,
	[
		"sessions",
		integer({
			group: LOAD,
			description: "agents at once",
			placeholder: "n",
			min: 1,
			max: 100_000,
			fallback: 8,
		}),
	],
	[
		"turns",
		integer({
			group: LOAD,
			description: "turns of each agent",
			placeholder: "n",
			min: 1,
			max: 10_000,
			fallback: 8,
		}),
	],
	[
		"maxTokens",
		integer({
			group: LOAD,
			description: "most tokens sampled in a turn",
			placeholder: "n",
			min: 1,
			max: 100_000,
			fallback: 64,
		}),
	],
	[
		"streamEvery",
		integer({
			group: LOAD,
			description: "every n-th agent asks for streamed replies; 0: none",
			placeholder: "n",
			min: 0,
			max: 100_000,
			fallback: 4,
		}),
	],
	["keep", onOff({ group: LOAD, description: "leave the sessions on the cluster", fallback: false })],
]);

/** Throws ConfigError naming the first flag whose value breaks its rule, or as `readClient`. */
export function readDemoFlags(flags: RawFlags, surroundings: Surroundings): DemoOptions {
	const given = readFlags(DEMO_FLAGS, flags);
	const value = (key: string) => given.get(key) ?? DEMO_FLAGS.get(key)?.fallback;
	return {
		...readClient(given, surroundings),
		sessions: value("sessions") as number,
		turns: value("turns") as number,
		maxTokens: value("maxTokens") as number,
		streamEvery: value("streamEvery") as number,
		keep: value("keep") as boolean,
	};
}
