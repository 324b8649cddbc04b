// docs/api.md against the code: paths, fields and codes. And no source cites a document that is not in the repository.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ERROR_STATUS } from "../../src/base/errors.js";
import { PATHS } from "../../src/base/paths.js";
import { refusedFieldRules } from "../../src/wire/refused-fields.js";
import { OVERRIDES, parseCreateBody } from "../../src/worker/create-body.js";
import { parseSamplesBody } from "../../src/worker/samples-body.js";
import { readBlock, updateBlock } from "../support/doc-blocks.js";
import { REPOSITORY } from "../support/run-rollpin.js";

const API = "docs/api.md";
const read = (path: string) => readFileSync(join(REPOSITORY, path), "utf8");
/** The first column of a block's table. */
const fieldsOf = (block: string) =>
	[...readBlock(API, block).matchAll(/^\| `(\w+)`/gm)].map(([, field = ""]) => field);

describe("docs/api.md", () => {
	it("has a section for every method of every path of ours", () => {
		const sections = [...read(API).matchAll(/^## ((?:GET|POST|PUT|DELETE) \/\S*)$/gm)].map(
			([, title]) => title,
		);
		const paths = Object.entries(PATHS).flatMap(([path, { methods }]) =>
			Object.keys(methods).map((method) => `${method} ${path}`),
		);
		expect(sections.toSorted()).toEqual(paths.toSorted());
	});

	it("lists the fields that a session may pin, with their shapes", () => {
		const rows = Object.entries(OVERRIDES).map(([field, shape]) => `| \`${field}\` | ${shape} |`);
		const table = `| field | value |\n|---|---|\n${rows.join("\n")}`;
		updateBlock(API, "override-fields", table);
		expect(readBlock(API, "override-fields")).toBe(table);
	});

	it("lists the fields of a chat that are refused, with the reason", () => {
		const rows = refusedFieldRules().map(([field, why]) => `| \`${field}\` | ${why} |`);
		const table = `| field | why |\n|---|---|\n${rows.join("\n")}`;
		updateBlock(API, "refused-fields", table);
		expect(readBlock(API, "refused-fields")).toBe(table);
	});

	it("lists exactly the fields that making a session reads: a wrong value of each is refused by its name", () => {
		const listed = fieldsOf("create-fields");
		for (const field of listed) {
			const body = Buffer.from(JSON.stringify({ [field]: ["wrong"] }));
			expect(() => parseCreateBody(body, 60, 8), field).toThrow(field);
		}
		expect(listed.toSorted()).toEqual(readIn("src/worker/create-body.ts"));
	});

	it("lists exactly the fields that samples read", () => {
		const listed = fieldsOf("samples-fields");
		for (const field of ["max_seq_len", "samples_wire"]) {
			const body = Buffer.from(JSON.stringify({ [field]: ["wrong"] }));
			expect(() => parseSamplesBody(body, 8, "2026-09"), field).toThrow(field);
		}
		expect(listed.toSorted()).toEqual(readIn("src/worker/samples-body.ts"));
	});

	it("names every code that a client can see, and no status that is not the code's", () => {
		const text = read(API);
		const unnamed = Object.keys(ERROR_STATUS).filter((code) => !text.includes(`\`${code}\``));
		expect(unnamed).toEqual([]);
		// A late request for an expired session is 404 under the code of the 410.
		const wrong = [...text.matchAll(/\b(\d{3}) `(\w+)`/g)].filter(
			([, status, code = ""]) =>
				code in ERROR_STATUS &&
				`${ERROR_STATUS[code as keyof typeof ERROR_STATUS]}` !== status &&
				!(code === "session_expired" && status === "404"),
		);
		expect(wrong.map(([pair]) => pair)).toEqual([]);
	});
});

/** The members that a parser looks up in the body. */
function readIn(file: string): string[] {
	const found = [...read(file).matchAll(/(?:\b(?:value|body)\.(?:get|has)\(|choiceOf\(value, )"(\w+)"/g)];
	return [...new Set(found.map(([, field = ""]) => field))].sort();
}

const PAPERS = /\b(?:contract|reference) section\b|\breference \d+\.\d|\bdesign\/|\bbad-input\.md\b/i;

it("no source, test or page cites a document that is not in the repository", () => {
	const wrong: string[] = [];
	for (const file of files(["src", "test", "scripts", "docs", "bin"])) {
		for (const [at, line] of read(file).split("\n").entries()) {
			// Written apart, so that this file does not cite them itself.
			if (PAPERS.test(line) && !line.includes("const PAPERS"))
				wrong.push(`${file}:${at + 1}: ${line.trim()}`);
			for (const [, page = "", heading] of line.matchAll(
				/\b(docs\/[\w-]+\.md)(?:, ([A-Z][\w ]+?)[.:;)])?/g,
			)) {
				if (!existsSync(join(REPOSITORY, page))) wrong.push(`${file}:${at + 1}: no ${page}`);
				else if (page === "docs/reference.md" && heading !== undefined && !hasHeading(page, heading))
					wrong.push(`${file}:${at + 1}: ${page} has no heading ${heading}`);
			}
		}
	}
	expect(wrong).toEqual([]);
});

function hasHeading(page: string, heading: string): boolean {
	return read(page)
		.split("\n")
		.some((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
}

function files(roots: readonly string[]): string[] {
	return roots
		.flatMap((root) =>
			readdirSync(join(REPOSITORY, root), { recursive: true, encoding: "utf8" }).map(
				(name) => `${root}/${name}`,
			),
		)
		.filter((name) => /\.(ts|js|mjs|py|md)$/.test(name));
}
