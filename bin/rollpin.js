#!/usr/bin/env node
// The program's entry: starts the built command line. Must never hold logic of its own.
import { existsSync } from "node:fs";

const entry = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(entry)) {
	const { main } = await import(entry.href);
	process.exitCode = await main(process.argv.slice(2));
} else {
	console.error("rollpin: the build is missing (no dist/cli/main.js): run `npm run build` first");
	process.exitCode = 2;
}
