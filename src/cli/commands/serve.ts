// `rollpin serve`: settings in, a running cluster, its exit code out. Reads process.env for the settings.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError } from "../../base/errors.js";
import { EXIT_OK } from "../../base/exit-codes.js";
import type { ClusterConfig } from "../../config/cluster-config.js";
import type { ReadSettingsAgain } from "../../primary/settings-reload.js";
import { type ClusterLogger, createLogger, createNotes } from "../../telemetry/logger.js";
import type { Command } from "../command.js";
import { type Compiled, compileConfig } from "../compile-config.js";
import { effectiveConfig } from "../effective-config.js";
import { createMachine, packageVersion } from "../machine.js";
import { ENV_PREFIX } from "../option-names.js";
import { onOff, path } from "../option-types.js";
import { SERVE_OPTIONS } from "../options.js";
import { type RawFlags, rawValueOf } from "../raw-flags.js";
import { rereadSettings, type SettingsInForce } from "../reload-settings.js";
import { gatherSettings, type RawSettings } from "../settings.js";
import type { Machine } from "../settled-values.js";
import { welcomeText } from "../welcome.js";

const SETTINGS = "Settings";

export const serve: Command = {
	name: "serve",
	summary: "start the cluster: primary, router and workers",
	description: [
		"Starts the cluster: primary, router and workers. Without --upstream it starts a simulated engine too.",
		"Flags win over environment variables (ROLLPIN_BACKENDS=4), these over the --config file, that over defaults.",
		"Exit codes: 0 clean, 1 failed while running, 2 bad usage or configuration.",
	].join("\n"),
	options: {
		...SERVE_OPTIONS,
		config: path({
			group: SETTINGS,
			description: "JSON file of settings; a key is a flag's name with _ for -",
			placeholder: "file",
			fallback: null,
		}),
		printConfig: onOff({
			group: SETTINGS,
			description: "print the settings in force and where each came from, then exit",
			fallback: false,
			defaultText: "",
		}),
	},
	run: runServe,
};

/** Resolves with the exit code, or ends the process with the cluster's. Throws ConfigError before anything starts. */
async function runServe(flags: RawFlags): Promise<number> {
	const machine = createMachine();
	const read = () => gatherSettings({ flags, env: process.env, file: readConfigFile(flags, machine.cwd) });
	const { settings, warnings } = read();
	const note = createNotes();
	const warn = (line: string) => note(`rollpin: warning: ${line}\n`);
	warnings.forEach(warn);
	const compiled = compileConfig(settings, machine);
	compiled.warnings.forEach(warn);
	if (flags["printConfig"] === true) {
		process.stdout.write(effectiveConfig(compiled, settings));
		return EXIT_OK;
	}
	const { config } = compiled;
	const log = openLog(config);
	const forPeople = config.log.format === "pretty" || machine.stdoutIsTerminal;
	// Loaded here, so that --help and a bad flag answer without the cluster's code.
	const { runCluster } = await import("../../primary/run-cluster.js");
	const { prepareDataDir } = await import("../../data-dir/data-dir.js");
	// Before anything is forked: a data dir in use or of another format is one line.
	const dataDir = config.store === "disk" ? await prepareDataDir(config.dataDir, { notice: warn }) : null;
	if (dataDir !== null) {
		const { refuseOthersSessions } = await import("../../data-dir/launch.js");
		try {
			const { mayHoldSessions } = await import("../../store/disk/holds-sessions.js");
			await refuseOthersSessions(config, mayHoldSessions);
			await writeLaunchDown(config, warn);
		} catch (error) {
			await dataDir.release();
			throw error;
		}
	}
	const exitCode = await runCluster(config, {
		log: forPeople ? withWelcome(log, compiled, note) : log,
		version: packageVersion(),
		readSettings: readAgain(
			{ settings, compiled },
			() => read().settings,
			machine,
			({ config: next }) => {
				// What a read of a session answers is among the settings.
				if (dataDir !== null)
					writeLaunchDown(next, warn).catch((error) => warn(`launch.json could not be written: ${error}`));
			},
		),
		...(dataDir === null ? {} : { nextStoreEpoch: () => dataDir.nextEpoch(), lost: dataDir.lost }),
	});
	await dataDir?.release();
	// At once: after a second signal work may be left that would keep the process.
	process.exit(exitCode);
}

/** @param accepted told of the settings that are in force from now on */
function readAgain(
	atStart: SettingsInForce,
	read: () => RawSettings,
	machine: Machine,
	accepted: (compiled: Compiled) => void,
): ReadSettingsAgain {
	let inForce = atStart;
	return () => {
		const { changed, needsRestart, next } = rereadSettings(inForce, read(), machine);
		return {
			config: next.compiled.config,
			changed,
			needsRestart,
			accept() {
				inForce = next;
				accepted(next.compiled);
			},
		};
	};
}

/**
 * For `rollpin export`, and for the next start. Serving is worth more where what is there guards the sessions as well:
 * then the export asks for the settings.
 * @throws ConfigError where it doesn't
 */
async function writeLaunchDown(config: ClusterConfig, warn: (line: string) => void): Promise<void> {
	const { recordLaunch } = await import("../../data-dir/launch.js");
	try {
		await recordLaunch(config);
	} catch (error) {
		if (error instanceof ConfigError) throw error;
		const reason = error instanceof Error ? error.message : String(error);
		warn(`launch.json could not be written: ${reason}`);
	}
}

function readConfigFile(flags: RawFlags, cwd: string): { path: string; text: string } | null {
	const variable = `${ENV_PREFIX}CONFIG`;
	const flag = flags["config"] === undefined ? null : rawValueOf("config", { kind: "path" }, flags["config"]);
	const name = flag === null ? variable : "--config";
	const given = flag?.form === "text" ? flag.text : process.env[variable];
	if (given === undefined) return null;
	const path = resolve(cwd, given);
	try {
		return { path, text: readFileSync(path, "utf8") };
	} catch (error) {
		throw new ConfigError(`${name} ${given}: cannot be read; give a JSON file or leave it out`, {
			cause: error,
		});
	}
}

/** @throws ConfigError when `--log-file` can't be opened */
function openLog({ log }: ClusterConfig): ClusterLogger {
	try {
		return createLogger({ role: "primary", ...log });
	} catch (error) {
		const code = error instanceof Error && "code" in error ? error.code : error;
		throw new ConfigError(
			`--log-file ${log.file}: cannot be opened (${code}); give a file in a directory that may be written, or leave it out`,
			{ cause: error },
		);
	}
}

/** The same log, followed by the welcome on stderr once the cluster is ready: a person watches. */
function withWelcome(log: ClusterLogger, compiled: Compiled, note: (text: string) => void): ClusterLogger {
	return {
		...log,
		event(event, fields, msg, level) {
			log.event(event, fields, msg, level);
			if (event !== "cluster_ready" || !("url" in fields)) return;
			note(
				welcomeText({
					url: String(fields.url),
					backends: compiled.config.backends,
					simulated: compiled.config.upstream === null,
					authTokenFile: compiled.values.authTokenFile,
				}),
			);
		},
	};
}
