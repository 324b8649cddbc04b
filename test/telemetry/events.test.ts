// The documents list what the program can log and what its processes say to each other, no more and no less.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EVENT_LEVELS } from "../../src/telemetry/events.js";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const rows = (text: string): string[][] =>
	text
		.split("\n")
		.filter((line) => line.startsWith("| `"))
		.map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));

/** Without the figures of a heartbeat, which have a table of their own. */
const eventRows = () => rows(read("docs/events.md").split("## Figures of a heartbeat")[0] ?? "");

/** The names that the sources log. */
const logged = (): string[] => {
	const root = fileURLToPath(new URL("../../src", import.meta.url));
	const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) =>
		path.endsWith(".ts"),
	);
	const sources = files.map((path) => readFileSync(join(root, path), "utf8"));
	return sources.flatMap((text) => [...text.matchAll(/\.event\(\s*"(\w+)"/g)].map(([, name]) => name ?? ""));
};

test("every event is logged somewhere", () => {
	expect([...new Set(logged())].sort()).toEqual(Object.keys(EVENT_LEVELS).sort());
});

describe("the documents", () => {
	test("docs/events.md lists every event with its level, in the order of the code", () => {
		const listed = eventRows().map(([, name, level]) => `${name} ${level}`);
		expect(listed).toEqual(Object.entries(EVENT_LEVELS).map(([name, level]) => `${name} ${level}`));
	});

	test("docs/events.md names the fields of every event that spells its fields out", () => {
		const body =
			read("src/telemetry/events.ts").split("export interface EventFields {")[1]?.split("\n}")[0] ?? "";
		const documented = new Map(eventRows().map(([, name, , fields]) => [name, fields?.split(", ")]));
		const spelled = [...body.matchAll(/^\t(\w+): \{([^}]*)\};/gm)];
		expect(spelled.length).toBeGreaterThan(25);
		for (const [, name, fields = ""] of spelled) {
			const names = [...fields.matchAll(/(\w+): /g)].map(([, field]) => field);
			expect([name, documented.get(name)]).toEqual([name, names]);
		}
	});

	test("docs/internals.md lists every message between the processes", () => {
		const types = [...read("src/ipc/messages.ts").matchAll(/\|\s+\{\s+type: "(\w+)"/g)].map(
			([, type]) => type,
		);
		const table = read("docs/internals.md").split("## Messages")[1]?.split("## Start")[0] ?? "";
		expect(
			rows(table)
				.map(([, name]) => name)
				.sort(),
		).toEqual(types.sort());
	});
});
