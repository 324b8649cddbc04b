// Compiles src/ to dist/. Owns the emptying of dist/: a file deleted from src/ must not live on in the build.
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
let compiler;
try {
	compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
} catch {
	// Installed as a dependency (no development tools): the published package carries dist/ already.
	if (existsSync(join(root, "dist"))) process.exit(0);
	console.error("rollpin: the compiler is not installed; run `npm ci` (with development dependencies) first");
	process.exit(1);
}
rmSync(join(root, "dist"), { recursive: true, force: true });
execFileSync(process.execPath, [compiler, "-p", join(root, "tsconfig.build.json")], {
	stdio: "inherit",
	cwd: root,
});
