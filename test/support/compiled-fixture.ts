// Compiles a TypeScript fixture with the sources it imports, so that a test can run it as a process of its own.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const REPOSITORY = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export interface CompiledFixture {
	/** Path of the runnable JavaScript file. */
	path: string;
	remove(): Promise<void>;
}

/** @param name file name below test/fixtures, without its ending; always compiled anew, never a stale build */
export function compileFixture(name: string): CompiledFixture {
	const compiler = join(
		dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
		"bin",
		"tsc",
	);
	// Below node_modules, so that the fixture's packages resolve from there.
	const cache = join(REPOSITORY, "node_modules", ".cache");
	mkdirSync(cache, { recursive: true });
	const directory = mkdtempSync(join(cache, "rollpin-fixture-"));
	writeFileSync(join(directory, "package.json"), '{"type":"module"}');
	const project = join(directory, "tsconfig.json");
	const compilerOptions = {
		noEmit: false,
		rootDir: REPOSITORY,
		outDir: join(directory, "out"),
		types: ["node"],
	};
	const files = [join(REPOSITORY, "test", "fixtures", `${name}.ts`)];
	writeFileSync(
		project,
		JSON.stringify({ extends: join(REPOSITORY, "tsconfig.json"), compilerOptions, files, include: [] }),
	);
	execFileSync(process.execPath, [compiler, "-p", project], { stdio: "inherit", cwd: REPOSITORY });
	return {
		path: join(directory, "out", "test", "fixtures", `${name}.js`),
		remove: () => rm(directory, { recursive: true, force: true }),
	};
}
