// The arrows between rooms: docs/architecture.md says which there may be; the source has those and no others, and no circle.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const src = join(root, "src");
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

/** By room, what it may import: the rows "| `room/` | owns | may import |" of the table under "Rooms". */
const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
const allowed = new Map<string, ReadonlySet<string>>(
	[...page.matchAll(/^\| `([\w/-]+)\/` \|[^|]*\|([^|]*)\|$/gm)].map(([, room = "", cell = ""]) => [
		room,
		new Set(cell.match(/[a-z][\w/-]*/g) ?? []),
	]),
);

/** The row that a file belongs to: that of its folder, else of the folder above. */
function roomOf(file: string): string {
	for (let folder = dirname(file); folder !== "."; folder = dirname(folder)) {
		if (allowed.has(folder)) return folder;
	}
	throw new Error(`src/${file} is in no room of docs/architecture.md`);
}

/** Every import between rooms: "from -> to", with a file that has it. */
function arrows(): Map<string, string> {
	const found = new Map<string, string>();
	for (const file of files) {
		const text = readFileSync(join(src, file), "utf8");
		for (const [, path = ""] of text.matchAll(/\b(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)) {
			const [from, to] = [roomOf(file), roomOf(posix.join(dirname(file), path))];
			if (from !== to) found.set(`${from} -> ${to}`, file);
		}
	}
	return found;
}

describe("the table of rooms in docs/architecture.md", () => {
	const used = arrows();
	const listed = [...allowed].flatMap(([from, cell]) => [...cell].map((to) => `${from} -> ${to}`));

	it("allows every import that the source has", () => {
		expect(used.size).toBeGreaterThan(50);
		const forbidden = [...used].filter(([arrow]) => !listed.includes(arrow));
		expect(forbidden.map(([arrow, file]) => `${arrow} (src/${file})`)).toEqual([]);
	});

	it("has no row without files and allows nothing that no file needs", () => {
		const rooms = new Set(files.map(roomOf));
		expect([...allowed.keys()].filter((room) => !rooms.has(room))).toEqual([]);
		expect(listed.filter((arrow) => !used.has(arrow))).toEqual([]);
	});

	it("has a row for each front end: its imports are its own, not those of all of wire/", () => {
		const entries = readdirSync(join(src, "wire"), { withFileTypes: true });
		const wires = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `wire/${name}`);
		expect(wires).toContain("wire/openai-chat");
		expect(wires.filter((room) => !allowed.has(room))).toEqual([]);
	});

	it("has no circle", () => {
		const open = new Map(allowed);
		// Whoever imports no room that is left is in no circle of those, and whoever none of them imports neither.
		for (let before = -1; before !== open.size; ) {
			before = open.size;
			for (const [room, cell] of open) {
				const imported = [...open.values()].some((other) => other.has(room));
				if (!imported || ![...cell].some((to) => open.has(to))) open.delete(room);
			}
		}
		expect([...open.keys()]).toEqual([]);
	});
});
