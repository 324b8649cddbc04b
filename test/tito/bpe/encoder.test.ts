// The encoder on the event loop: which tokenizers and texts it takes, and that its ids are the library's.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readDescription } from "../../../src/tito/bpe/description.js";
import { FastBpe } from "../../../src/tito/bpe/fast-bpe.js";
import { Encoder } from "../../../src/tito/encoder.js";
import { readTokenizerJson } from "../../../src/tito/tokenizer-json.js";
import { TOY_DIR } from "../toy.js";

const TOY = join(TOY_DIR, "tokenizer.json");

interface TokenizerFile {
	normalizer: unknown;
	pre_tokenizer: { pretokenizers: Array<Record<string, unknown>> };
	post_processor: unknown;
	added_tokens: Array<Record<string, unknown>>;
	model: Record<string, unknown> & { vocab: Record<string, number>; merges: unknown[] };
}

let dir = "";
beforeEach(() => {
	dir = mkdtempSync(join(tmpdir(), "rollpin-encoder-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The toy tokenizer with something changed. */
function changed(change: (file: TokenizerFile) => void): string {
	const file = JSON.parse(readFileSync(TOY, "utf8")) as TokenizerFile;
	change(file);
	const path = join(dir, "tokenizer.json");
	writeFileSync(path, JSON.stringify(file));
	return path;
}

const firstSplit = (file: TokenizerFile) => file.pre_tokenizer.pretokenizers[0] ?? {};

describe("an encoder that is told to go fast", () => {
	it("gives ids without a promise, the library's", async () => {
		const library = new Encoder(TOY);
		const encoder = new Encoder(TOY);
		expect(await encoder.goFast(readTokenizerJson(TOY))).toBeNull();
		const text = "<|im_start|>user\nTwo  words, 12 numbers<|im_end|>\n";
		const ids = encoder.encode(text);
		expect(ids).toBeInstanceOf(Int32Array);
		expect(ids).toEqual(await library.encode(text));
		expect(encoder.encodeContinuation(text)).toEqual(ids);
		expect(encoder.encode("")).toEqual(new Int32Array(0));
	});

	it.each<[string, RegExp, (file: TokenizerFile) => void]>([
		["a normalizer that changes more", /normalizer/, (file) => (file.normalizer = { type: "NFKC" })],
		["an unknown pattern", /patterns/, (file) => (firstSplit(file)["pattern"] = { Regex: "\\s+" })],
		["a pattern that is a text", /plain split/, (file) => (firstSplit(file)["pattern"] = { String: " " })],
		["another behaviour", /plain split/, (file) => (firstSplit(file)["behavior"] = "Removed")],
		["an inverted split", /plain split/, (file) => (firstSplit(file)["invert"] = true)],
		[
			"a space before each text",
			/adds no space/,
			(file) => ((file.pre_tokenizer.pretokenizers[1] ?? {})["add_prefix_space"] = true),
		],
		["a token with space around", /lstrip/, (file) => ((file.added_tokens[0] ?? {})["lstrip"] = true)],
		["a token of whole words", /single_word/, (file) => ((file.added_tokens[0] ?? {})["single_word"] = true)],
		["dropout", /dropout/, (file) => (file.model["dropout"] = 0)],
		["unknown tokens", /unk_token/, (file) => (file.model["unk_token"] = "a")],
		["byte fallback", /byte_fallback/, (file) => (file.model["byte_fallback"] = true)],
		["a field that nobody knows", /the model has surprise/, (file) => (file.model["surprise"] = true)],
		[
			"another post-processor",
			/post-processor/,
			(file) => (file.post_processor = { type: "BertProcessing", sep: ["a", 1], cls: ["b", 2] }),
		],
	])("leaves a tokenizer with %s to the library, and says why", async (_, reason, change) => {
		const path = changed(change);
		const encoder = new Encoder(path);
		expect(await encoder.goFast(readTokenizerJson(path))).toMatch(reason);
		expect(await encoder.encode("two words")).toEqual(await new Encoder(path).encode("two words"));
	});

	it("stays with the library where a check shows other ids", async () => {
		const other = changed(({ model }) => model.merges.splice(0, 100));
		const encoder = new Encoder(TOY);
		expect(await encoder.goFast(readTokenizerJson(other))).toMatch(/other ids than the library's/);
		expect(await encoder.encode("the words")).toEqual(await new Encoder(TOY).encode("the words"));
	});

	it.each([
		["half a surrogate pair", "a\ud800b \udc00"],
		["characters that readings of Unicode differ in", "a \u{1fae9} \u0295 \u{16d67} b"],
		["a piece that is long", "a".repeat(5000)],
		["a text of one piece that is long beyond measure", " ".repeat(300_000)],
	])("gives the library's ids for %s", async (_, text) => {
		const encoder = new Encoder(TOY);
		await encoder.goFast(readTokenizerJson(TOY));
		expect(await encoder.encode(text)).toEqual(await new Encoder(TOY).encode(text));
	});

	it("takes tokens before and after normal form C as their flag says, and composes each part alone", async () => {
		const path = changed((file) => {
			file.normalizer = { type: "NFC" };
			for (const [at, content] of ["e\u0301", "o\u0302"].entries())
				file.added_tokens.push({
					...file.added_tokens[0],
					id: 2665 + at,
					content,
					normalized: at === 1,
				});
		});
		const encoder = new Encoder(path);
		expect(await encoder.goFast(readTokenizerJson(path))).toBeNull();
		const library = new Encoder(path);
		for (const text of ["xe\u0301\u0323y", "\u00e9", "\u00f4 o\u0302\u0323", "<think>\u0301e\u0301\u0301"])
			expect(await encoder.encode(text), JSON.stringify(text)).toEqual(await library.encode(text));
	});

	it.each(["a \ud800", "\udc00\ud800", "a \u{1fae9}", "\u0295", "x\u{10ffff}"])(
		"does not take %j, on which V8 may differ",
		(text) => {
			const fast = new FastBpe(readDescription(readTokenizerJson(TOY).file), () => 0);
			expect(fast.encodeAtOnce("settled")).not.toBeNull();
			expect(fast.encodeAtOnce(text)).toBeNull();
		},
	);

	it("does not take a run of millions of signs, at which V8's matcher gives up", () => {
		const description = readDescription(readTokenizerJson(TOY).file);
		const fast = new FastBpe(description, () => 0);
		expect(fast.encodeAtOnce("\u2014".repeat(6_000_000))).toBeNull();
		// What is cut out first is looked for by a pattern of its own.
		const cuts = /[\u4e00-\u9fa5]+/gu;
		const cutting = new FastBpe({ ...description, splitting: { ...description.splitting, cuts } }, () => 0);
		expect(cutting.encodeAtOnce("\u4e00".repeat(20_000_000))).toBeNull();
	});

	it("takes whole a token that spells U+FFFD, where the merges do not make it", async () => {
		const path = changed(({ added_tokens, model }) => {
			model["ignore_merges"] = true;
			model.vocab["\u00ef\u00bf\u00bd".repeat(2)] = Object.keys(model.vocab).length + added_tokens.length;
		});
		const encoder = new Encoder(path);
		expect(await encoder.goFast(readTokenizerJson(path))).toBeNull();
		const library = new Encoder(path);
		for (const text of ["\ufffd\ufffd", "\ufffd", "a \ufffd\ufffd\u4e00\n"])
			expect(await encoder.encode(text), text).toEqual(await library.encode(text));
	});

	it("takes the longest of the tokens that begin at one place", async () => {
		const path = changed((file) => {
			for (const [at, content] of ["<a>", "<a>b", "<a"].entries())
				file.added_tokens.push({ ...file.added_tokens[0], id: 2665 + at, content });
		});
		const encoder = new Encoder(path);
		expect(await encoder.goFast(readTokenizerJson(path))).toBeNull();
		expect(encoder.encode("<a>b<a><a")).toEqual(Int32Array.of(2666, 2665, 2667));
	});

	it("composes a large text in parts as the library does the whole", async () => {
		const path = changed((file) => (file.normalizer = { type: "NFC" }));
		const encoder = new Encoder(path);
		const json = readTokenizerJson(path);
		expect(await encoder.goFast(json)).toBeNull();
		const library = new Encoder(path);
		const fast = new FastBpe(readDescription(json.file), (token) => encoder.tokenId(token));
		const unit = "cafe\u0301 q\u0323\u0307\u0301 \u1100\u1161\u11a8\u4f60\u597d";
		const cases: [text: string, taken: boolean][] = [
			[unit.repeat(3000), true],
			// The first part ends at its last letter, not between it and its marks.
			[`${"\u00e9\u2014".repeat(16 * 1024)}e\u0301\u0323x`, true],
			["\u00e9\u2014".repeat(70_000), false],
		];
		for (const [text, taken] of cases) {
			expect(await encoder.encode(text)).toEqual(await library.encode(text));
			expect(fast.encodeAtOnce(text) !== null).toBe(taken);
		}
	});

	it("lets others run while it encodes a large text, and gives each text its own ids", async () => {
		const encoder = new Encoder(TOY);
		await encoder.goFast(readTokenizerJson(TOY));
		const library = new Encoder(TOY);
		const texts = ["alpha beta 12\n", "gamma, delta; "].map((part) => part.repeat(15_000));
		let done = false;
		let rounds = 0;
		const count = () => {
			rounds++;
			if (!done) setImmediate(count);
		};
		setImmediate(count);
		const ids = await Promise.all(texts.map((text) => encoder.encode(text)));
		done = true;
		// 32 Ki units a round at most; the first ones of each text are encoded at once.
		expect(rounds).toBeGreaterThanOrEqual(Math.floor(texts.join("").length / 32768) - texts.length);
		for (const [at, text] of texts.entries()) expect(ids[at]).toEqual(await library.encode(text));
	});
});
