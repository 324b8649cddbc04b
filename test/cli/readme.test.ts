// What the README shows in ids is true, and every block of the docs that can be run says how it is run.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { blocksOf } from "../../scripts/docs/blocks.js";
import { COMMANDS } from "../../src/cli/commands.js";
import { Encoder } from "../../src/tito/encoder.js";
import { readBlock } from "../support/doc-blocks.js";
import { REPOSITORY } from "../support/run-rollpin.js";
import { TOY_CHECKPOINT } from "../support/worker-rig.js";

const PAGES = [
	"README.md",
	"CONTRIBUTING.md",
	"SECURITY.md",
	...readdirSync(join(REPOSITORY, "docs")).map((name) => `docs/${name}`),
].filter((name) => name.endsWith(".md"));
const page = (name: string) => readFileSync(join(REPOSITORY, name), "utf8");

describe("the README's picture of tokenizing again", () => {
	it("shows the ids that the toy checkpoint's tokenizer makes of both spellings", async () => {
		const encoder = new Encoder(join(TOY_CHECKPOINT, "tokenizer.json"));
		const rows = readBlock("README.md", "retokenized").split("\n");
		const told = rows.filter((row) => row.includes('{"query"'));
		expect(told).toHaveLength(2);
		for (const row of told) {
			const text = row.slice(row.indexOf("{"));
			expect(idsOf(row)).toEqual([...(await encoder.encode(text))]);
		}
		const next = rows.find((row) => row.startsWith("Rollpin's next prompt")) ?? "";
		expect(idsOf(next)).toEqual(idsOf(told[0] ?? ""));
	});
});

function idsOf(row: string): number[] {
	const [, ids = ""] = /^[a-z ,']+? {2,}((?:\d+ +)+)/i.exec(row) ?? [];
	return ids.trim().split(/ +/).map(Number);
}

describe.each(PAGES)("%s", (name) => {
	it("marks each block of shell, Python or JavaScript for docs:check, and gives a reason where it is not run", () => {
		const unmarked = blocksOf(page(name)).filter(
			({ mark, reason }) => !["cluster", "starts"].includes(mark) && !(mark === "skip" && reason !== ""),
		);
		expect(unmarked).toEqual([]);
	});

	it("names only npm scripts and rollpin commands that are there", () => {
		const { scripts } = JSON.parse(page("package.json")) as { scripts: Record<string, string> };
		const named = (pattern: RegExp) => [...page(name).matchAll(pattern)].map(([, word = ""]) => word);
		expect(named(/npm run ([\w:-]+)/g).filter((script) => !(script in scripts))).toEqual([]);
		const commands = ["help", ...COMMANDS.map((command) => command.name)];
		expect(named(/`(?:npx )?rollpin ([a-z]\w*)/g).filter((command) => !commands.includes(command))).toEqual(
			[],
		);
	});

	it("links to pages and headings that are there", () => {
		const broken = [...page(name).matchAll(/\]\(([^)\s]+)\)/g)]
			.map(([, target = ""]) => target)
			.filter((target) => !/^https?:/.test(target) && !reachable(name, target));
		expect(broken).toEqual([]);
	});
});

function reachable(from: string, target: string): boolean {
	const [path = "", anchor] = target.split("#");
	const file = path === "" ? from : join(from, "..", path);
	if (!existsSync(join(REPOSITORY, file))) return false;
	return anchor === undefined || anchorsOf(page(file)).includes(anchor);
}

/** As a forge makes them of headings: lower case, punctuation gone, spaces to hyphens. */
function anchorsOf(markdown: string): string[] {
	return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
		title
			.toLowerCase()
			.replace(/[^\w\s-]/g, "")
			.replaceAll(" ", "-"),
	);
}

it("the block reader tells language, mark, reason and line", () => {
	const text =
		"a\n\n```sh cluster\nls\n```\n```js skip: a reason: twice\n1\n```\n```text\nx\n```\n```python\n2\n```\n";
	expect(blocksOf(text)).toEqual([
		{ line: 3, language: "sh", mark: "cluster", reason: "", text: "ls" },
		{ line: 6, language: "js", mark: "skip", reason: "a reason: twice", text: "1" },
		{ line: 12, language: "python", mark: "", reason: "", text: "2" },
	]);
});

it("CONTRIBUTING.md names only files that are there", () => {
	const named = [...page("CONTRIBUTING.md").matchAll(/`((?:src|test|docs)\/[\w./-]+\.\w+)`/g)].map(
		([, path = ""]) => path,
	);
	expect(named.length).toBeGreaterThan(30);
	expect(named.filter((path) => !existsSync(join(REPOSITORY, path)))).toEqual([]);
});
