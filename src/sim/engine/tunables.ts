// Given options of the simulated engine to settled ones: defaults, then the rules. Reads no flags and no environment.
import { ConfigError } from "../../base/errors.js";
import { SIM_OPTIONS, type SimOption, type SimTunables } from "./options.js";

/**
 * Defaults under the given values.
 * @throws ConfigError naming the option, the rule and the remedy
 */
export function compileSimTunables(given: Partial<SimTunables>): SimTunables {
	const values: Record<string, number | string | boolean> = {};
	for (const option of SIM_OPTIONS) {
		const value = given[option.name] ?? option.default;
		if (typeof value !== typeof option.default) {
			throw new ConfigError(
				`sim option ${option.name} must be a ${typeof option.default}, not ${typeof value}`,
			);
		}
		if (typeof value === "number") checkNumber(option, value);
		if (option.choices && !option.choices.includes(value as string)) {
			throw new ConfigError(
				`sim option ${option.name} is ${value}; it must be one of ${option.choices.join(", ")}`,
			);
		}
		values[option.name] = value;
	}
	const tunables = values as unknown as SimTunables;
	if (tunables.replyTokensMin > tunables.replyTokensMax) {
		throw new ConfigError(
			`sim option replyTokensMin (${tunables.replyTokensMin}) is over replyTokensMax (${tunables.replyTokensMax}); lower one or raise the other`,
		);
	}
	if (tunables.r3BytesPerToken % 4 !== 0) {
		throw new ConfigError(
			`sim option r3BytesPerToken (${tunables.r3BytesPerToken}) must be a multiple of 4 bytes (rows are int32)`,
		);
	}
	return tunables;
}

function checkNumber(option: SimOption, value: number): void {
	const min = option.min ?? Number.NEGATIVE_INFINITY;
	const max = option.max ?? Number.POSITIVE_INFINITY;
	const whole = option.unit === "fraction" || Number.isInteger(value);
	if (whole && value >= min && value <= max) return;
	const kind = option.unit === "fraction" ? "a number" : "a whole number";
	throw new ConfigError(`sim option ${option.name} is ${value}; it must be ${kind} from ${min} to ${max}`);
}
