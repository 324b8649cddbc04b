// Gathers raw settings from flags, environment and config file, and says where each came from. Pure: reads
// neither files nor process.env itself. Precedence: flags, environment, file, defaults.
import { basename } from "node:path";
import { ConfigError } from "../base/errors.js";
import { JsonSyntaxError, parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { nearestName } from "./nearest.js";
import { CLIENT_TOKEN_ENV, ENV_PREFIX, envOf, fileKeyOf, flagOf } from "./option-names.js";
import type { RawValue } from "./option-types.js";
import { OPTION_KEYS, type OptionKey, SERVE_OPTIONS } from "./options.js";
import { type RawFlags, rawValueOf } from "./raw-flags.js";

export type Source =
	| { from: "flag" }
	| { from: "environment" }
	/** Absolute path of the config file. */
	| { from: "file"; path: string }
	| { from: "default" };

export interface Setting {
	raw: RawValue;
	source: Source;
}

export type RawSettings = { readonly [Key in OptionKey]?: Setting };

export interface SettingSources {
	flags: RawFlags;
	env: Readonly<Record<string, string | undefined>>;
	/** `path` is absolute. */
	file: { path: string; text: string } | null;
}

export interface Gathered {
	settings: RawSettings;
	/** One line each, for the operator; nothing that stops the start. */
	warnings: string[];
}

/** How a message calls an option that came from `source`. */
export function labelOf(key: OptionKey, source: Source): string {
	if (source.from === "environment") return envOf(key);
	if (source.from === "file") return `${fileKeyOf(key)} in ${basename(source.path)}`;
	return flagOf(key);
}

/** Throws ConfigError for a repeated flag, an unreadable file, an unknown file key, a mistyped variable. */
export function gatherSettings(sources: SettingSources): Gathered {
	const settings: { [Key in OptionKey]?: Setting } = {};
	if (sources.file !== null) readFile(sources.file, settings);
	const warnings = readEnvironment(sources.env, settings);
	readFlags(sources.flags, settings);
	return { settings, warnings };
}

function readFlags(flags: RawFlags, settings: { [Key in OptionKey]?: Setting }): void {
	for (const key of OPTION_KEYS) {
		const given = flags[key];
		if (given === undefined) continue;
		settings[key] = { raw: rawValueOf(key, SERVE_OPTIONS[key], given), source: { from: "flag" } };
	}
}

function readEnvironment(
	env: Readonly<Record<string, string | undefined>>,
	settings: { [Key in OptionKey]?: Setting },
): string[] {
	for (const key of OPTION_KEYS) {
		const value = env[envOf(key)];
		if (value !== undefined) {
			settings[key] = { raw: { form: "text", text: value }, source: { from: "environment" } };
		}
	}
	const known = [...OPTION_KEYS.map(envOf), `${ENV_PREFIX}CONFIG`];
	const unknown = Object.keys(env).filter((name) => name.startsWith(ENV_PREFIX) && !known.includes(name));
	return unknown.sort().map((name) => {
		if (name === CLIENT_TOKEN_ENV) {
			return `${name} is for verify, demo and top; serve takes its token from --auth-token-file and does not use it`;
		}
		const near = nearestName(
			name.slice(ENV_PREFIX.length),
			known.map((candidate) => candidate.slice(ENV_PREFIX.length)),
		);
		if (near !== null) {
			throw new ConfigError(
				`${name}: no such setting; did you mean ${ENV_PREFIX}${near}? Rename it or unset it`,
			);
		}
		return `${name} is set but is no setting of rollpin; it is not used`;
	});
}

function readFile(file: { path: string; text: string }, settings: { [Key in OptionKey]?: Setting }): void {
	const name = basename(file.path);
	const known = new Map(OPTION_KEYS.map((key) => [fileKeyOf(key), key]));
	for (const [fileKey, value] of parseFile(file)) {
		const key = known.get(fileKey);
		if (key === undefined) {
			const near = nearestName(fileKey, [...known.keys()]);
			const remedy =
				near === null ? "remove it; docs/configuration.md lists the keys" : `did you mean ${near}?`;
			throw new ConfigError(`--config ${name}: unknown key ${JSON.stringify(fileKey)}; ${remedy}`);
		}
		settings[key] = { raw: { form: "json", value }, source: { from: "file", path: file.path } };
	}
}

function parseFile(file: { path: string; text: string }): JsonObject {
	let parsed: JsonValue;
	try {
		parsed = parseJson(file.text, { refuseDuplicateKeys: true });
	} catch (error) {
		if (!(error instanceof JsonSyntaxError)) throw error;
		throw new ConfigError(
			`--config ${file.path}: not usable JSON (${error.message}); it must be one JSON object`,
			{
				cause: error,
			},
		);
	}
	if (parsed instanceof Map) return parsed;
	throw new ConfigError(`--config ${file.path}: must hold one JSON object, such as {"backends": 4}`);
}
