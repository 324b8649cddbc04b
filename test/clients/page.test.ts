// docs/clients.md is the table that scripts/try-clients.js last wrote: every client, its pinned version, no loss.
import { describe, expect, test } from "vitest";
import { CLIENTS, ENVIRONMENTS } from "../../scripts/clients/table.js";
import { readBlock } from "../support/doc-blocks.js";

const [, , ...rows] = readBlock("docs/clients.md", "clients")
	.split("\n")
	.map((line) =>
		line
			.slice(2, -2)
			.split(/ \| /)
			.map((cell) => cell.trim()),
	);

describe("docs/clients.md", () => {
	test("has rows of every client of the table, at the pinned version", () => {
		const shown = [...new Set(rows.map(([name, version]) => `${name} ${version}`))];
		expect(shown).toEqual(CLIENTS.map(({ name, version }) => `${name} ${version}`));
	});

	test("shows no lost turn, and every turn kept where the client does not rewrite its history", () => {
		for (const [name, , , loop = "", ...cells] of rows) {
			expect([name, loop, cells.length]).toEqual([name, loop, 4]);
			for (const cell of cells) {
				const [, sent, kept] =
					/^(\d+) -> (\d+)(?:$|, \d+ (?:refused \(400 \w+\)|on other branches)$)/.exec(cell) ?? [];
				expect([name, loop, cell, sent === undefined]).toEqual([name, loop, cell, false]);
				// What is in italics behind the loop says how it rewrites its history.
				if (!loop.includes("; *")) expect([name, loop, cell]).toEqual([name, loop, `${kept} -> ${kept}`]);
			}
		}
	});

	test("shows the clients of the sandboxes at their pinned versions, nothing wrong on either backend", () => {
		const [versions = "", , , , ...lines] = readBlock("docs/clients.md", "sandbox-clients").split("\n");
		const pinned = ENVIRONMENTS["sandboxes"]?.packages.map((one) => one.replace("==", " ")).join(", ");
		expect(versions.split(";")[0]).toBe(pinned);
		expect(lines.length).toBeGreaterThan(30);
		expect(lines.filter((line) => line.includes("**wrong"))).toEqual([]);
		// What writes to places of the machine itself is not run on `local`.
		const notRun = lines.filter((line) => line.includes("not run"));
		expect(notRun.map((line) => line.split(" ")[1])).toEqual(["harbor"]);
	});
});
