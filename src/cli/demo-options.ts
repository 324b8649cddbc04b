// The options of `rollpin demo`. Pure.
import type { DemoOptions } from "../demo/run-demo.js";
import { integer, type OptionSpec, onOff, text } from "./option-types.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const TARGET = "Cluster";
const LOAD = "Agents";

/** Every flag of `rollpin demo`, in the order in which help shows them. */
export const DEMO_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map<string, OptionSpec<unknown>>([
	[
		"url",
		text({
			group: TARGET,
			description: "front URL of a running cluster",
			placeholder: "url",
			rule: "an http:// or https:// URL",
			check: checkUrl,
			fallback: "http://127.0.0.1:8080",
		}),
	],
	[
		"authToken",
		text({
			group: TARGET,
			description: "bearer token of a cluster that asks for one",
			placeholder: "token",
			rule: "text",
			check: (value) => value,
			fallback: "",
			defaultText: "none",
		}),
	],
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

function checkUrl(value: string): string | undefined {
	return /^https?:\/\/[^/?#]+$/.test(value.replace(/\/+$/, "")) ? value.replace(/\/+$/, "") : undefined;
}

/** Throws ConfigError naming the first flag whose value breaks its rule. */
export function readDemoFlags(flags: RawFlags): DemoOptions {
	const given = readFlags(DEMO_FLAGS, flags);
	const value = (key: string) => given.get(key) ?? DEMO_FLAGS.get(key)?.fallback;
	const token = value("authToken") as string;
	return {
		url: value("url") as string,
		authToken: token === "" ? null : token,
		sessions: value("sessions") as number,
		turns: value("turns") as number,
		maxTokens: value("maxTokens") as number,
		streamEvery: value("streamEvery") as number,
		keep: value("keep") as boolean,
	};
}
