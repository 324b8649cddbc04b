// docs/clients.md is the table that scripts/try-clients.js last wrote: every client, its pinned version, no loss.
import { describe, expect, test } from "vitest";
import { CLIENTS } from "../../scripts/clients/table.js";
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
});
