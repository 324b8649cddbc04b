// Runs the tests of real processes under other Node versions, from their npm packages. Changes nothing in the repository.
// npm run try:node [-- 22 24 26]
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeOf } from "./package/node-of.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const versions = process.argv.length > 2 ? process.argv.slice(2) : ["20", "22", "24", "26"];
const rooms = ["test/e2e", "test/primary", "test/router", "test/worker", "test/store", "test/cli"];
const dir = mkdtempSync(join(tmpdir(), "rollpin-node-"));
const results = [];
try {
	for (const version of versions) {
		const bin = nodeOf(version, dir);
		const node = join(bin, "node");
		const { stdout } = spawnSync(node, ["--version"], { encoding: "utf8" });
		console.log(`\n== ${stdout.trim()}`);
		// First in PATH as well: what a test starts by name must be of the same version.
		const env = { ...process.env, PATH: bin + delimiter + process.env.PATH };
		const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
		const { status } = spawnSync(node, [vitest, "run", ...rooms], { cwd: root, env, stdio: "inherit" });
		results.push(`${stdout.trim()}: ${status === 0 ? "passed" : "FAILED"}`);
		if (status !== 0) process.exitCode = 1;
	}
} finally {
	rmSync(dir, { recursive: true, force: true });
}
console.log(`\n${results.join("\n")}`);
