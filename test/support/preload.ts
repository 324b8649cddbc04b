// Builds a C fixture into a library that stands before the system's own in a process: a disk with faults of its own.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "./run-rollpin.js";

export interface Preload {
	/** For the environment of the process that shall have it, and of its children. */
	env: { LD_PRELOAD: string };
	remove(): void;
}

/**
 * Null where a library cannot be preloaded or built (another system than Linux, no C compiler), which is said on stderr:
 * the tests that need it skip themselves.
 * @param name file name below test/fixtures, without its ending
 * @throws Error when there is a compiler and the fixture does not compile
 */
export function compilePreload(name: string): Preload | null {
	if (process.platform !== "linux" || spawnSync("cc", ["--version"]).status !== 0) {
		process.stderr.write(`skipped: no C compiler on Linux, so no ${name} to run processes on\n`);
		return null;
	}
	const directory = mkdtempSync(join(tmpdir(), "rollpin-preload-"));
	const library = join(directory, `${name}.so`);
	const source = join(REPOSITORY, "test", "fixtures", `${name}.c`);
	const args = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl", "-lpthread"];
	const { status, stderr } = spawnSync("cc", args, { encoding: "utf8" });
	if (status !== 0) throw new Error(`cc cannot compile ${source}: ${stderr}`);
	return { env: { LD_PRELOAD: library }, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
