// The docs say what the program does: help text, configuration tables and the error table are compared.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SERVE_OPTIONS } from "../../src/cli/options.js";
import { EVENT_LEVELS } from "../../src/telemetry/events.js";
import { allFamilies } from "../../src/tito/families/registry.js";
import {
	configurationTables,
	errorRows,
	familyTable,
	heartbeatTable,
	metricsTable,
	pathTable,
	readBlock,
	updateBlock,
} from "../support/doc-blocks.js";
import { REPOSITORY, runRollpin } from "../support/run-rollpin.js";

describe("generated docs", () => {
	it("docs/configuration.md shows the help of rollpin serve as it is", async () => {
		const { stdout, code } = await runRollpin(["serve", "--help"]);
		expect(code).toBe(0);
		const block = `\`\`\`text\n${stdout.trimEnd()}\n\`\`\``;
		updateBlock("docs/configuration.md", "serve-help", block);
		expect(readBlock("docs/configuration.md", "serve-help")).toBe(block);
	});

	it("docs/configuration.md lists every setting with its names, rule and default", () => {
		updateBlock("docs/configuration.md", "settings", configurationTables());
		expect(readBlock("docs/configuration.md", "settings")).toBe(configurationTables());
	});

	it("docs/api.md lists every path with its methods", () => {
		updateBlock("docs/api.md", "paths", pathTable());
		expect(readBlock("docs/api.md", "paths")).toBe(pathTable());
	});

	it("docs/metrics.md lists every metric, and docs/events.md every figure of a heartbeat", () => {
		updateBlock("docs/metrics.md", "metrics", metricsTable());
		expect(readBlock("docs/metrics.md", "metrics")).toBe(metricsTable());
		updateBlock("docs/events.md", "heartbeat", heartbeatTable());
		expect(readBlock("docs/events.md", "heartbeat")).toBe(heartbeatTable());
	});

	it("--tito-model takes the name of every family that is there, and no other", () => {
		const names = allFamilies().map(({ name }) => name);
		expect([...(SERVE_OPTIONS.titoModel.choices ?? [])].sort()).toEqual(names.sort());
	});

	it("docs/families.md shows the values of every family", () => {
		updateBlock("docs/families.md", "families", familyTable());
		expect(readBlock("docs/families.md", "families")).toBe(familyTable());
	});

	it("docs/families.md has a section for every family that is there", () => {
		const text = readFileSync(join(REPOSITORY, "docs/families.md"), "utf8");
		const sections = [...text.matchAll(/^### (.+)$/gm)].flatMap(([, title]) => title?.match(/`\w+`/g) ?? []);
		const missing = allFamilies().filter(({ name }) => !sections.includes(`\`${name}\``));
		expect(missing.map(({ name }) => name)).toEqual([]);
	});

	it.each([
		["of the engine's parsers", "| family | `--reasoning-parser` |"],
		["of what was tested", "| family | tokenizer |"],
	])("docs/families.md has a row for every family in the table %s", (_table, head) => {
		const text = readFileSync(join(REPOSITORY, "docs/families.md"), "utf8");
		const rows = text.split(`\n${head}`)[1]?.split("\n\n")[0]?.split("\n") ?? [];
		const named = rows.flatMap((row) => row.split("|")[1]?.match(/`\w+`/g) ?? []);
		const missing = allFamilies().filter(({ name }) => !named.includes(`\`${name}\``));
		expect(missing.map(({ name }) => name)).toEqual([]);
	});

	it("docs/operating.md explains only events that are logged", () => {
		const text = readFileSync(join(REPOSITORY, "docs/operating.md"), "utf8");
		const table = text.slice(text.indexOf("| event | when |"), text.indexOf("The buckets of `chat_done`"));
		const events = [...table.matchAll(/^\| `(\w+)`/gm)].map((match) => match[1]);
		expect(events.length).toBeGreaterThan(3);
		expect(Object.keys(EVENT_LEVELS)).toEqual(expect.arrayContaining(events));
	});

	it.each([
		["docs/faults.md", 60],
		["SECURITY.md", 6],
	])("%s names only tests that exist, word for word", (page, atLeast) => {
		const named = namedTests(readFileSync(join(REPOSITORY, page), "utf8"));
		expect(named.length).toBeGreaterThan(atLeast);
		expect(named.filter((reference) => !isTest(reference))).toEqual([]);
	});

	it("docs/faults.md names a test, or a command of package.json, for every fault", () => {
		const text = readFileSync(join(REPOSITORY, "docs/faults.md"), "utf8");
		const rows = text
			.slice(text.indexOf("| fault | what comes of it |"))
			.split("\n")
			.filter((line) => line.startsWith("| "));
		expect(rows.length).toBeGreaterThan(60);
		const unnamed = rows.slice(1).filter((row) => namedTests(row.split(" | ").at(-1) ?? "").length === 0);
		expect(unnamed).toEqual([]);
		const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as {
			scripts: object;
		};
		const commands = [...text.matchAll(/`npm run ([\w:-]+)/g)].map(([, name]) => name ?? "");
		expect(Object.keys(scripts)).toEqual(expect.arrayContaining(commands));
	});

	it("docs/errors.md lists every code with its status, in the order of the code", () => {
		const text = readFileSync(join(REPOSITORY, "docs/errors.md"), "utf8");
		const rows = text.split("\n").filter((line) => line.startsWith("| `"));
		expect(rows.map((row) => row.split("|").slice(0, 4).join("|").concat("|"))).toEqual(errorRows());
		for (const row of rows) expect(row.split("|")[4]?.trim()).not.toBe("");
	});
});

interface NamedTest {
	file: string;
	title: string;
}

/** `file`: "title", "title" and "title". */
function namedTests(text: string): NamedTest[] {
	const places = [...text.matchAll(/`(test\/[\w/.-]+\.test\.ts)`: ("[^"]+"(?:(?:,| and|, and) "[^"]+")*)/g)];
	return places.flatMap(([, file = "", titles = ""]) =>
		[...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => ({ file, title })),
	);
}

/** A literal of that file begins with it; titles made of a table's cells are written with %s in the docs. */
function isTest({ file, title }: NamedTest): boolean {
	const source = readFileSync(join(REPOSITORY, file), "utf8").replace(/\$\{\w+\}/g, "%s");
	return ['"', "`"].some((quote) => source.includes(quote + title));
}
