#!/usr/bin/env node
// The program's entry: starts the built command line. Must never hold logic of its own, nor words that an old Node can't read.
import { existsSync } from "node:fs";

const OLDEST = [20, 18];
const [major, minor] = process.versions.node.split(".").map(Number);
const entry = new URL("../dist/cli/main.js", import.meta.url);

if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
	console.error(`rollpin: Node.js ${process.versions.node} is too old; install ${OLDEST.join(".")} or newer`);
	process.exitCode = 2;
} else if (existsSync(entry)) {
	const first = new URL("../dist/cli/first.js", import.meta.url);
	import(first.href)
		.then(({ beforeMain }) => beforeMain(process.argv[2]))
		.then(() => import(entry.href))
		.then(({ main }) => main(process.argv.slice(2)))
		.then((exitCode) => {
			process.exitCode = exitCode;
		});
} else {
	console.error("rollpin: the build is missing (no dist/cli/main.js): run `npm run build` first");
	process.exitCode = 2;
}
