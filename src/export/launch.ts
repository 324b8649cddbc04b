// What a data dir's last launch was started with, as far as reading its sessions needs it. Holds no secret.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../base/errors.js";
import type { ClusterConfig } from "../ipc/config.js";
import { replaceFile } from "../store/durable-file.js";

const KEYS = [
	"backends",
	"checkpointDir",
	"chatTemplateFile",
	"chatTemplateKwargsJson",
	"titoModel",
	"toolSchemaVersion",
	"mode",
	"r3",
	"samplePicker",
	"samplePostprocessor",
] as const satisfies ReadonlyArray<keyof ClusterConfig>;

/** The settings that decide what a read of a session answers. */
export type Launch = Pick<ClusterConfig, (typeof KEYS)[number]>;

const LAUNCH_VERSION = 1;

/** Writes them down in the data dir, which this process holds the lock of; a crash leaves the old ones or these. */
export async function recordLaunch(config: ClusterConfig): Promise<void> {
	const launch = Object.fromEntries(KEYS.map((key) => [key, config[key]]));
	const path = launchFile(config.dataDir);
	const text = `${JSON.stringify({ version: LAUNCH_VERSION, launch }, null, "\t")}\n`;
	if ((await readIfThere(path)) !== text) await replaceFile(path, text);
}

/** Null when none was written down. @throws ConfigError when the file can't be read as this version's */
export async function readLaunch(dataDir: string): Promise<Launch | null> {
	const path = launchFile(dataDir);
	const text = await readIfThere(path);
	if (text === null) return null;
	try {
		const { version, launch } = JSON.parse(text) as { version: unknown; launch: Launch };
		if (version === LAUNCH_VERSION && KEYS.every((key) => launch[key] !== undefined)) return launch;
	} catch {
		// Told below, with the remedy.
	}
	throw new ConfigError(
		`--data-dir: ${path} is damaged, or of another version; start the cluster once with this version, or remove the ` +
			"file and give --checkpoint, --tito-model, --mode and --backends",
	);
}

const launchFile = (dataDir: string) => join(dataDir, "launch.json");

async function readIfThere(path: string): Promise<string | null> {
	try {
		return await readFile(path, "utf8");
	} catch (error) {
		if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
		throw error;
	}
}
