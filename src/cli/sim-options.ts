// The options of `rollpin sim`: addresses and checkpoint here, everything else from the engine's own table. Pure.
import { SIM_OPTIONS, type SimOption, type SimTunables } from "../sim/engine/flags.js";
import { checkHost } from "./option-checks.js";
import { flagOf } from "./option-names.js";
import { choice, decimal, integer, type OptionSpec, onOff, path, text } from "./option-types.js";
import { readFlags } from "./read-flags.js";
import type { RawFlags } from "./settings.js";

const LISTEN = "Listening";
const BEHAVIOUR = "Engine";

const OWN_FLAGS: Readonly<Record<string, OptionSpec<unknown>>> = {
	host: text({
		group: LISTEN,
		description: "address of both ports",
		placeholder: "address",
		rule: "a host name or an IP address without brackets",
		check: checkHost,
		fallback: "127.0.0.1",
	}),
	port: integer({
		group: LISTEN,
		description: "port of the engine; 0 takes any free one",
		placeholder: "port",
		min: 0,
		max: 65535,
		fallback: 30000,
	}),
	controlPort: integer({
		group: LISTEN,
		description:
			"port of the control plane: scripted answers, gates, faults, request log; 0 takes any free one",
		placeholder: "port",
		min: 0,
		max: 65535,
		fallback: 0,
	}),
	checkpoint: path({
		group: LISTEN,
		description: "Hugging Face checkpoint directory whose tokenizer it samples from",
		placeholder: "dir",
		fallback: null,
		defaultText: "the toy checkpoint that ships with rollpin",
	}),
};

/** Every flag of `rollpin sim`, in the order in which help shows them. */
export const SIM_FLAGS: ReadonlyMap<string, OptionSpec<unknown>> = new Map([
	...Object.entries(OWN_FLAGS),
	...SIM_OPTIONS.map((option): [string, OptionSpec<unknown>] => [option.name, specOf(option)]),
]);

function specOf(option: SimOption): OptionSpec<unknown> {
	const common = { group: BEHAVIOUR, description: option.description };
	const fallback = option.default;
	if (typeof fallback === "boolean") return onOff({ ...common, fallback });
	if (typeof fallback === "string" && option.choices) {
		return choice({ ...common, fallback, placeholder: "name", choices: option.choices });
	}
	if (typeof fallback === "string") {
		const defaultText = fallback === "" ? "empty" : fallback;
		return text({
			...common,
			fallback,
			placeholder: "text",
			rule: "text",
			check: (value) => value,
			defaultText,
		});
	}
	const bounds = { min: option.min ?? 0, max: option.max ?? Number.MAX_SAFE_INTEGER };
	const number = option.unit === "fraction" ? decimal : integer;
	return number({ ...common, ...bounds, fallback, ...(option.unit === "" ? {} : { unit: option.unit }) });
}

export interface SimSettings {
	host: string;
	port: number;
	controlPort: number;
	/** As typed, or null for the toy checkpoint. */
	checkpoint: string | null;
	/** Only what was given; the engine knows its own defaults. */
	tunables: Partial<SimTunables>;
}

/** Throws ConfigError naming the first flag whose value breaks its rule. */
export function readSimFlags(flags: RawFlags): SimSettings {
	const given = readFlags(SIM_FLAGS, flags);
	const own = (key: string) => given.get(key) ?? OWN_FLAGS[key]?.fallback;
	const tunables = [...given].filter(([key]) => !(key in OWN_FLAGS));
	// Each value was read by its own spec, made from the type of the tunable's default.
	return {
		host: own("host") as string,
		port: own("port") as number,
		controlPort: own("controlPort") as number,
		checkpoint: own("checkpoint") as string | null,
		tunables: Object.fromEntries(tunables) as Partial<SimTunables>,
	};
}

/** The engine names its options as code does; an operator typed flags. */
export function inFlagWords(message: string): string {
	return message.replaceAll(/\b(sim option )?([a-z][A-Za-z0-9]*)\b/g, (whole, prefix, name) => {
		const known = SIM_FLAGS.has(name) && (prefix !== undefined || /[A-Z]/.test(name));
		return known ? flagOf(name) : whole;
	});
}
