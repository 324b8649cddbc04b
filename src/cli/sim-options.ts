// The options of `rollpin sim`: addresses and checkpoint here, everything else from the engine's own table. Pure.
import { SIM_OPTIONS, type SimOption, type SimTunables } from "../sim/engine/options.js";
import { checkHost } from "./option-checks.js";
import { flagOf } from "./option-names.js";
import { choice, decimal, integer, type OptionSpec, onOff, path, text } from "./option-types.js";

const LISTEN = "Listening";
const BEHAVIOUR = "Engine";

const OWN_OPTIONS = {
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

/** In the order in which help shows them. */
export const SIM_OPTION_SET = {
	...OWN_OPTIONS,
	// Each is made from its tunable's own default, so it reads a value of the tunable's type.
	...(Object.fromEntries(SIM_OPTIONS.map((option) => [option.name, specOf(option)])) as {
		[Name in keyof SimTunables]: OptionSpec<SimTunables[Name]>;
	}),
};

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

/** The engine names its options as code does; an operator typed flags. */
export function inFlagWords(message: string): string {
	return message.replaceAll(/\b(sim option )?([a-z][A-Za-z0-9]*)\b/g, (whole, prefix, name) => {
		const known = name in SIM_OPTION_SET && (prefix !== undefined || /[A-Z]/.test(name));
		return known ? flagOf(name) : whole;
	});
}
