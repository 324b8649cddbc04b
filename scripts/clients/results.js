// The results of earlier runs, one file a client in the cache directory, so that a run of one client renews its rows alone.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = (cacheDir) => join(cacheDir, "results");

export function writeResult(cacheDir, result) {
	mkdirSync(folder(cacheDir), { recursive: true });
	writeFileSync(join(folder(cacheDir), `${result.name}.json`), `${JSON.stringify(result, null, "\t")}\n`);
}

/** By client name. */
export function readResults(cacheDir) {
	const files = readdirSync(folder(cacheDir)).filter((file) => file.endsWith(".json"));
	const results = files.map((file) => JSON.parse(readFileSync(join(folder(cacheDir), file), "utf8")));
	return new Map(results.map((result) => [result.name, result]));
}
