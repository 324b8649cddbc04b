// The real machine behind compileConfig: looks at files, counts cores and memory, and hands on the environment. Decides nothing.
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import { chooseFamily } from "../tito/family-choice.js";
import type { Surroundings } from "./client-options.js";
import type { Machine } from "./settled-values.js";
import { usableCores } from "./usable-cores.js";

/** The package's own directory: dist/cli/ and src/cli/ lie equally deep in it. */
const PACKAGE_DIR = join(import.meta.dirname, "..", "..");

export function createMachine(): Machine {
	return {
		cwd: process.cwd(),
		cores: usableCores(availableParallelism(), readIfThere),
		memoryMib: Math.floor(usableMemoryBytes() / 1024 / 1024),
		// process.stdout would unblock the descriptor, also for the shell and whoever else holds it.
		stdoutIsTerminal: isatty(1),
		toyCheckpointDir: join(PACKAGE_DIR, "checkpoints", "toy"),
		newInstanceId: () => randomBytes(16).toString("hex"),
		look,
		readText: (path) => readFileSync(path, "utf8"),
		chooseFamily,
	};
}

/** For the commands that talk to a running cluster. */
export function clientSurroundings(): Surroundings {
	return { env: process.env, readText: (path) => readFileSync(path, "utf8") };
}

function look(path: string): "file" | "directory" | "absent" {
	const stats = statSync(path, { throwIfNoEntry: false });
	if (stats === undefined) return "absent";
	return stats.isDirectory() ? "directory" : "file";
}

function readIfThere(path: string): string | null {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}

/** What a container may use, where it is limited; Node answers 0 or a number past all memory where it is not. */
function usableMemoryBytes(): number {
	const constrained = process.constrainedMemory();
	return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

export function packageVersion(): string {
	const manifest: unknown = JSON.parse(readFileSync(join(PACKAGE_DIR, "package.json"), "utf8"));
	const version =
		typeof manifest === "object" && manifest !== null && "version" in manifest && manifest.version;
	return typeof version === "string" ? version : "unknown";
}
