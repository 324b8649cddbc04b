// Rules between options and the files they name: each throws one ConfigError line, or changes nothing.
import { join } from "node:path";
import { ConfigError } from "../base/errors.js";
import { isLoopback } from "../base/loopback.js";
import { tokenOfFile } from "./bearer-token.js";
import type { OptionKey } from "./options.js";
import type { Machine, SettledValues } from "./settled-values.js";

export type Label = (key: OptionKey) => string;

export function checkLifetimes(values: SettledValues, label: Label): void {
	if (values.sessionTtl > values.maxSessionTtl) {
		throw new ConfigError(
			`${label("sessionTtl")} ${values.sessionTtl}: must not be above ${label("maxSessionTtl")} (${values.maxSessionTtl}); lower the one or raise the other`,
		);
	}
}

export function checkCheckpoint(values: SettledValues, label: Label, machine: Machine): void {
	if (values.chatTemplate !== null && values.titoModel !== "default") {
		throw new ConfigError(
			`${label("titoModel")} ${values.titoModel}: has its own template; leave out ${label("chatTemplate")} or use the default family`,
		);
	}
	if (values.chatTemplate !== null && machine.look(values.chatTemplate) !== "file") {
		throw new ConfigError(
			`${label("chatTemplate")} ${values.chatTemplate}: no such file; give a Jinja file or leave it out`,
		);
	}
	if (values.checkpoint === null && values.upstream !== null) {
		throw new ConfigError(
			`${label("upstream")}: needs the engine's tokenizer; give --checkpoint with the Hugging Face directory the engine serves`,
		);
	}
	const name = values.checkpoint === null ? null : label("checkpoint");
	checkCheckpointDir(values.checkpoint ?? machine.toyCheckpointDir, name, machine);
}

/** @param label how the setting is called; null for the checkpoint that ships with the package */
export function checkCheckpointDir(dir: string, label: string | null, machine: Pick<Machine, "look">): void {
	const hasTokenizer = machine.look(join(dir, "tokenizer.json")) === "file";
	if (hasTokenizer) return;
	if (label === null) {
		throw new ConfigError(
			`the toy checkpoint is missing (${dir}); install rollpin again or give --checkpoint`,
		);
	}
	if (machine.look(dir) !== "directory") {
		throw new ConfigError(
			`${label} ${dir}: no such directory; give the Hugging Face directory with tokenizer.json`,
		);
	}
	throw new ConfigError(
		`${label} ${dir}: holds no tokenizer.json; give a Hugging Face directory with a fast tokenizer`,
	);
}

export function checkStorage(values: SettledValues, label: Label, machine: Machine): void {
	if (values.store === "memory" && values.durability === "power") {
		throw new ConfigError(
			`${label("durability")} power: ${label("store")} memory keeps nothing; use the disk store or leave out the one`,
		);
	}
	if (values.store === "disk" && machine.look(values.dataDir) === "file") {
		throw new ConfigError(`${label("dataDir")} ${values.dataDir}: is a file; give a directory`);
	}
}

export function checkHooks(values: SettledValues, label: Label, machine: Machine): void {
	for (const key of ["samplePicker", "samplePostprocessor"] as const) {
		const file = values[key];
		if (file === null) continue;
		const name = `${label(key)} ${file}`;
		if (values.mode !== "tree") {
			throw new ConfigError(`${name}: works on a tree's leaves; give ${label("mode")} tree or leave it out`);
		}
		if (machine.look(file) !== "file") {
			throw new ConfigError(`${name}: no such file; give an ES module or leave it out`);
		}
	}
}

export function checkReplay(values: SettledValues, label: Label): void {
	if (values.r3 === "incremental" && values.r3Keep === "latest") {
		throw new ConfigError(
			`${label("r3Keep")} latest: with ${label("r3")} incremental every turn's payload is needed; leave out the one or give ${label("r3")} full`,
		);
	}
	if (values.samplingReplay && values.r3Keep === "latest") {
		throw new ConfigError(
			`${label("r3Keep")} latest: with ${label("samplingReplay")} every turn's sampling mask is needed; leave out the one or the other`,
		);
	}
}

/** Settings that were given and do nothing beside the others: each a line. No error, as one file may serve many launches. */
export function unusedSettings(
	values: SettledValues,
	label: Label,
	given: (key: OptionKey) => boolean,
): string[] {
	const unused: string[] = [];
	if (given("r3Keep") && values.r3 === "off" && values.r3Keep === "latest") {
		unused.push(
			`${label("r3Keep")} latest: ${label("r3")} is off, so the engine is not asked for replay payloads; give ${label("r3")} full, or leave it out`,
		);
	}
	if (given("maxTreeNodes") && values.mode !== "tree") {
		unused.push(
			`${label("maxTreeNodes")} ${values.maxTreeNodes}: not used, it limits trees; give ${label("mode")} tree, or leave it out`,
		);
	}
	if (given("dataDir") && values.store === "memory") {
		unused.push(
			`${label("dataDir")} ${values.dataDir}: not used, ${label("store")} memory keeps nothing; use the disk store, or leave it out`,
		);
	}
	return unused;
}

export function checkLimits(values: SettledValues, label: Label): void {
	if (values.maxInflightMib < values.maxBodyMib) {
		throw new ConfigError(
			`${label("maxInflightMib")} ${values.maxInflightMib}: must not be below ${label("maxBodyMib")} (${values.maxBodyMib}), or the largest body never fits; raise it or lower the body limit`,
		);
	}
}

export function readToken(values: SettledValues, label: Label, machine: Machine): string | null {
	const file = values.authTokenFile;
	if (file === null) return null;
	return tokenOfFile(file, `${label("authTokenFile")} ${file}`, (path) => machine.readText(path));
}

/** Anyone who reaches the address could read and delete every session: a token, or a loud yes. */
export function checkExposure(values: SettledValues, label: Label, authToken: string | null): void {
	if (!isLoopback(values.host) && authToken === null && !values.insecure) {
		throw new ConfigError(
			`${label("host")} ${values.host}: an address that is not loopback needs a token; give --auth-token-file, or --insecure to go without`,
		);
	}
}
