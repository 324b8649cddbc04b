// Messages of real text: this repository's pages and sources and those of its dependencies, cut into pieces. Reads files, nothing else.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../src/base/package-root.js";

/** A message of 4,000 to 20,000 characters; no two of one run, and of two runs that follow each other, are the same. */
export type RealText = (run: number, index: number) => string;

const SHORTEST = 4_000;
const LONGEST = 20_000;
const MESSAGES_PER_RUN = 128;
const ENOUGH_CHARACTERS = 24_000_000;

/** Nothing is read before the first message. */
export function realText(): RealText {
	let text: string | null = null;
	return (run, index) => {
		text ??= readText();
		const number = run * MESSAGES_PER_RUN + index;
		const start = (number * ((SHORTEST + LONGEST) / 2)) % (text.length - LONGEST);
		return text.slice(start, start + SHORTEST + ((number * 7_919) % (LONGEST - SHORTEST + 1)));
	};
}

function readText(): string {
	const parts: string[] = [];
	let characters = 0;
	for (const folder of ["docs", "src", "test", "node_modules"]) {
		const names = readdirSync(join(packageRoot(), folder), { recursive: true, encoding: "utf8" });
		for (const name of names.toSorted()) {
			if (!/\.(md|ts)$/.test(name)) continue;
			const part = readFileSync(join(packageRoot(), folder, name), "utf8");
			parts.push(part);
			characters += part.length;
			if (characters > ENOUGH_CHARACTERS) return parts.join("\n");
		}
	}
	return parts.join("\n");
}
