// A Node.js of another major version, from its npm package. Changes nothing outside the given directory.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const NAME = `node-${process.platform}-${process.arch}`;

/**
 * @param {string} version a major version, "24"
 * @param {string} dir where it is installed
 * @returns {string} the directory of its `node`, to stand first in PATH
 */
export function nodeOf(version, dir) {
	const prefix = join(dir, version);
	execFileSync("npm", ["install", "--no-save", "--silent", "--prefix", prefix, `${NAME}@${version}`], {
		stdio: "inherit",
	});
	return join(prefix, "node_modules", NAME, "bin");
}
