// Where rollpin is installed: the directory of its own package.json. Must never depend on the working directory.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

function isRollpin(manifestPath: string): boolean {
	if (!existsSync(manifestPath)) return false;
	const manifest: unknown = JSON.parse(readFileSync(manifestPath, "utf8"));
	return (
		typeof manifest === "object" && manifest !== null && "name" in manifest && manifest.name === "rollpin"
	);
}

/**
 * The absolute directory holding rollpin's package.json, whether this file runs from src/, dist/ or .bench/src/.
 *
 * @throws Error when no directory above this file is rollpin's (a broken installation).
 */
export function packageRoot(): string {
	const start = dirname(fileURLToPath(import.meta.url));
	for (let directory = start; ; directory = dirname(directory)) {
		if (isRollpin(join(directory, "package.json"))) return directory;
		if (dirname(directory) === directory) {
			throw new Error(
				`no package.json of rollpin above ${start}: the installation is broken, install it again`,
			);
		}
	}
}
