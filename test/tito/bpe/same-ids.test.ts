// The encoder on the event loop beside the tokenizers library, id for id. `ROLLPIN_STRINGS` says how many random texts each
// tokenizer gets, `npm run test:encode` a million.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Tokenizer } from "tokenizers";
import { describe, expect, test } from "vitest";
import { type BpeDescription, readDescription } from "../../../src/tito/bpe/description.js";
import { FastBpe } from "../../../src/tito/bpe/fast-bpe.js";
import { readTokenizerJson } from "../../../src/tito/tokenizer-json.js";
import { goldenCases, goldenNames, goldenSets, LOADING_MS, numbers, recordingsDir, text } from "../shared.js";
import { TOY_DIR } from "../toy.js";
import { hardStrings } from "./hard-strings.js";

const STRINGS = Number(process.env.ROLLPIN_STRINGS ?? 2000);
const BATCH = 500;

const files = [
	join(TOY_DIR, "tokenizer.json"),
	join(recordingsDir, "checkpoint/tokenizer.json"),
	...goldenSets.flatMap((set) =>
		readdirSync(join(set, "checkpoints")).map((name) => join(set, "checkpoints", name, "tokenizer.json")),
	),
].filter((file) => existsSync(file));

interface Both {
	description: BpeDescription;
	fast: FastBpe;
	library: Tokenizer;
}

function open(file: string): Both {
	const library = Tokenizer.fromFile(file);
	library.disableTruncation();
	library.disablePadding();
	const description = readDescription(readTokenizerJson(file).file);
	return { description, library, fast: new FastBpe(description, (token) => library.tokenToId(token)) };
}

/** @returns how many of the texts the fast encoder took */
async function compare({ fast, library }: Both, texts: string[]): Promise<number> {
	const expected = await library.encodeBatch(texts, { addSpecialTokens: false });
	let taken = 0;
	for (const [at, given] of texts.entries()) {
		const ids = fast.encodeAtOnce(given);
		if (ids === null) continue;
		taken++;
		const want = expected[at]?.getIds() ?? [];
		// Compared by hand: an assertion a text would be most of the time.
		if (ids.length !== want.length || ids.some((id, place) => id !== want[place]))
			expect([...ids], JSON.stringify(given)).toEqual(want);
	}
	return taken;
}

describe.each(files)("%s", (file) => {
	test(
		"random texts have the library's ids",
		async () => {
			const both = open(file);
			const tokens = both.description.added.map(({ content }) => content);
			const next = hardStrings(13, tokens);
			let taken = 0;
			for (let made = 0; made < STRINGS; made += BATCH) {
				taken += await compare(both, Array.from({ length: Math.min(BATCH, STRINGS - made) }, next));
			}
			console.log(`${file}: ${STRINGS} texts, ${taken} by the fast encoder, the others left to the library`);
			expect(taken).toBeGreaterThan(STRINGS / 2);
		},
		LOADING_MS + STRINGS * 10,
	);
});

describe.each(goldenSets)("golden prompts in %s", (set) => {
	test.each(goldenNames(set))(
		"%s: every text has its golden ids",
		(name) => {
			const { fast } = open(join(set, "checkpoints", name, "tokenizer.json"));
			for (const { label, golden } of goldenCases(name, set)) {
				if (golden.has("error")) continue;
				const ids = fast.encodeAtOnce(text(golden.get("text")));
				expect(ids === null ? null : [...ids], label).toEqual(numbers(golden.get("ids")));
			}
		},
		LOADING_MS,
	);
});
