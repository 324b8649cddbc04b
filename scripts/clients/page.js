// The generated table of docs/clients.md, between its markers.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CLIENTS } from "./table.js";

const PAGE = fileURLToPath(new URL("../../docs/clients.md", import.meta.url));
const PLACES = ["plain-linear", "plain-tree", "reasoning-linear", "reasoning-tree"];
const HEAD = ["client", "version", "date", "loop", "linear", "tree", "reasoning, linear", "reasoning, tree"];

/** Lines of a table; every client of the table has a result. */
function clientTable(results) {
	const rows = CLIENTS.flatMap(({ name }) => {
		const { version, date, loops } = results.get(name);
		return loops.map((loop) => {
			const label = loop.rewrites === null ? loop.label : `${loop.label}; *${loop.rewrites}*`;
			return [name, version, date, label, ...PLACES.map((place) => loop.cells[place] ?? "-")];
		});
	});
	const line = (cells) =>
		`| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
	return [line(HEAD), `|${"---|".repeat(HEAD.length)}`, ...rows.map(line)].join("\n");
}

/** Writes the page when every client has a result; says what it did. */
export function writePage(results) {
	const missing = CLIENTS.filter(({ name }) => !results.has(name)).map(({ name }) => name);
	if (missing.length > 0) return `docs/clients.md is not written: no result yet of ${missing.join(", ")}`;
	writeBlock("clients", clientTable(results));
	return "docs/clients.md is written";
}

/** Puts text between a block's markers. */
export function writeBlock(name, block) {
	const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
	const text = readFileSync(PAGE, "utf8");
	const [head, rest] = text.split(`${begin}\n`);
	const tail = rest?.split(end)[1];
	if (tail === undefined) throw new Error(`docs/clients.md has no markers ${begin} and ${end}`);
	writeFileSync(PAGE, `${head}${begin}\n${block}\n${end}${tail}`);
}
