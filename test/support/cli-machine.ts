// A machine described by plain values: which files there are and what they hold.
import type { RawFlags } from "../../src/cli/raw-flags.js";
import { gatherSettings, type RawSettings } from "../../src/cli/settings.js";
import type { Machine } from "../../src/cli/settled-values.js";

export const TOY_DIR = "/package/checkpoints/toy";

/** A 16-core machine with 64 GiB; directories are the keys that map to null. */
export function machineWith(
	files: Record<string, string | null> = {},
	facts: Partial<Machine> = {},
): Machine {
	const all: Record<string, string | null> = {
		[TOY_DIR]: null,
		[`${TOY_DIR}/tokenizer.json`]: "{}",
		"/models/qwen": null,
		"/models/qwen/tokenizer.json": "{}",
		"/models/empty": null,
		...files,
	};
	return {
		cwd: "/job",
		cores: 16,
		memoryMib: 65_536,
		stdoutIsTerminal: false,
		toyCheckpointDir: TOY_DIR,
		newInstanceId: () => "0123456789abcdef0123456789abcdef",
		look: (path) => {
			const content = all[path];
			if (content === undefined) return "absent";
			return content === null ? "directory" : "file";
		},
		readText: (path) => {
			const content = all[path];
			if (typeof content !== "string") throw new Error(`ENOENT: ${path}`);
			return content;
		},
		chooseFamily: () => ({ family: "default", why: "a test", doubtful: false }),
		...facts,
	};
}

/** Settings as if `flags` had been typed: `{ port: "0" }` is `--port 0`. */
export function flagSettings(flags: Record<string, string | boolean>): RawSettings {
	const raw: RawFlags = Object.fromEntries(
		Object.entries(flags).map(([key, value]) => [key, typeof value === "string" ? [value] : value]),
	);
	return gatherSettings({ flags: raw, env: {}, file: null }).settings;
}
