// What a data dir's last launch was started with, as far as reading its sessions needs it. Holds no secret.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../base/errors.js";
import type { ClusterConfig } from "../config/cluster-config.js";
import { readIfThere, replaceFile } from "./durable-file.js";
import { withReserve } from "./reserve.js";

const KEYS = [
	"backends",
	"checkpointDir",
	"chatTemplateFile",
	"chatTemplateKwargsJson",
	"titoModel",
	"toolSchemaVersion",
	"mode",
	"messageMatcher",
	"samplesWire",
	"r3",
	"samplePicker",
	"samplePostprocessor",
] as const satisfies ReadonlyArray<keyof ClusterConfig>;

/** The settings that decide what a read of a session answers. */
export type Launch = Pick<ClusterConfig, (typeof KEYS)[number]>;

const LAUNCH_VERSION = 1;

/**
 * Writes them down in the data dir, which this process holds the lock of; a crash leaves the old ones or these.
 * @throws ConfigError when that fails, and what is there would not guard the sessions that are now begun
 */
export async function recordLaunch(config: ClusterConfig): Promise<void> {
	const launch = Object.fromEntries(KEYS.map((key) => [key, config[key]]));
	const path = launchFile(config.dataDir);
	const tokenizerSha256 = await tokenizerSha256Of(config.checkpointDir);
	const text = `${JSON.stringify({ version: LAUNCH_VERSION, tokenizerSha256, launch }, null, "\t")}\n`;
	const before = await readIfThere(path);
	if (before === text) return;
	try {
		await withReserve(config.dataDir, () => replaceFile(path, text));
	} catch (error) {
		const earlier = before === undefined ? null : parseEarlier(before);
		if (earlier?.tokenizerSha256 === tokenizerSha256 && differencesFrom(earlier, config).length === 0)
			throw error;
		const reason = error instanceof Error ? error.message : String(error);
		throw new ConfigError(
			`--data-dir: ${path} can't be written (${reason}): without it nothing would keep another tokenizer off the sessions; ` +
				"make room, or give a directory this user may write",
			{ cause: error },
		);
	}
}

/** What a stored token means, and how a stored conversation goes on, is decided by these. */
const FIXED = [
	["titoModel", "--tito-model"],
	["mode", "--mode"],
] as const;

/**
 * Sessions of another tokenizer, family or mode must not be continued: their tokens would be read as others.
 * @param mayHoldSessions asked of a data dir when something is wrong: whether it may hold any
 * @throws ConfigError when the data dir holds such
 */
export async function refuseOthersSessions(
	config: ClusterConfig,
	mayHoldSessions: (dataDir: string) => Promise<boolean>,
): Promise<void> {
	const path = launchFile(config.dataDir);
	const text = await readIfThere(path).catch((error: unknown) => {
		const reason = error instanceof Error ? error.message : String(error);
		throw new ConfigError(`--data-dir: ${path} can't be read (${reason}); make it readable for this user`, {
			cause: error,
		});
	});
	if (text === undefined) return;
	const earlier = parseEarlier(text);
	if (earlier === null) {
		if (!(await mayHoldSessions(config.dataDir))) return;
		throw new ConfigError(
			`--data-dir: ${path} is damaged, so nobody knows which tokenizer, family and mode its sessions were made with; ` +
				"restore it from a copy, or remove it and start with the former settings",
		);
	}
	const differences = differencesFrom(earlier, config);
	const tokenizer = await tokenizerSha256Of(config.checkpointDir);
	if (typeof earlier.tokenizerSha256 === "string" && earlier.tokenizerSha256 !== tokenizer) {
		differences.push(`the tokenizer of ${earlier.launch.checkpointDir}, now another one`);
	}
	if (differences.length === 0 || !(await mayHoldSessions(config.dataDir))) return;
	throw new ConfigError(
		`--data-dir ${config.dataDir}: holds sessions of a cluster that ran with ${differences.join("; and with ")}: their ` +
			"tokens can't be continued so; give another --data-dir, or start with the former settings (and delete them there)",
	);
}

function differencesFrom({ launch }: EarlierLaunch, config: ClusterConfig): string[] {
	return FIXED.flatMap(([key, flag]) =>
		launch[key] === config[key] ? [] : [`${flag} ${launch[key]}, now ${config[key]}`],
	);
}

interface EarlierLaunch {
	/** Null when the checkpoint had no tokenizer.json. */
	tokenizerSha256: unknown;
	launch: Readonly<Record<string, unknown>>;
}

/** Null when it does not tell what must not change. */
function parseEarlier(text: string): EarlierLaunch | null {
	try {
		const { tokenizerSha256, launch } = JSON.parse(text) as EarlierLaunch;
		return FIXED.every(([key]) => typeof launch[key] === "string") ? { tokenizerSha256, launch } : null;
	} catch {
		return null;
	}
}

/** Null when there is no such file; the start will say so. */
async function tokenizerSha256Of(checkpointDir: string): Promise<string | null> {
	try {
		return createHash("sha256")
			.update(await readFile(join(checkpointDir, "tokenizer.json")))
			.digest("hex");
	} catch {
		return null;
	}
}

/** Null when none was written down. @throws ConfigError when the file can't be read as this version's */
export async function readLaunch(dataDir: string): Promise<Launch | null> {
	const path = launchFile(dataDir);
	const text = await readIfThere(path);
	if (text === undefined) return null;
	try {
		const { version, launch } = JSON.parse(text) as { version: unknown; launch: Launch };
		if (version === LAUNCH_VERSION && KEYS.every((key) => launch[key] !== undefined)) return launch;
	} catch {
		// Told below, with the remedy.
	}
	throw new ConfigError(
		`--data-dir: ${path} is damaged, or of another version; restore it from a copy, or remove the file and give ` +
			"--checkpoint, --tito-model, --mode and --backends",
	);
}

const launchFile = (dataDir: string) => join(dataDir, "launch.json");
