// Makes the toy checkpoint that ships with rollpin: `node scripts/make-toy-checkpoint.js [directory]`.
// Must give the same bytes on every run and every Node version: no clock, no locale, no randomness.
// The chat template is written by hand beside this script and copied as it is.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { toyCorpus } from "./toy-corpus.js";

const SCRIPTS_DIR = dirname(fileURLToPath(import.meta.url));
const MERGE_COUNT = 2400;
const MAX_LENGTH = 32_768;
/** Layers of the routed experts that the simulated engine makes by default (--r3-layers). */
const NUM_LAYERS = 4;

// Each "\n" stands alone, so no merge ever spans one; digits stand alone, as in most current tokenizers.
const WORD_PATTERN =
	"'(?:s|t|re|ve|m|ll|d)|\\n| ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|[^\\S\\n]+(?!\\S)|[^\\S\\n]+";

const SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const MARKUP_TOKENS = [
	"<think>",
	"</think>",
	"<tool_call>",
	"</tool_call>",
	"<tool_response>",
	"</tool_response>",
];

/** The 256 printable stand-ins of byte-level BPE, in vocabulary order: [byte, character]. */
function byteAlphabet() {
	const printable = [];
	for (const [from, to] of [
		[0x21, 0x7e],
		[0xa1, 0xac],
		[0xae, 0xff],
	]) {
		for (let byte = from; byte <= to; byte++) printable.push(byte);
	}
	const pairs = printable.map((byte) => [byte, String.fromCharCode(byte)]);
	let extra = 256;
	for (let byte = 0; byte < 256; byte++) {
		if (!printable.includes(byte)) pairs.push([byte, String.fromCharCode(extra++)]);
	}
	return pairs;
}

/** Distinct words of the corpus as byte-character pieces with their counts. */
function countWords(corpus, characterOf) {
	const counts = new Map();
	for (const [word] of corpus.matchAll(new RegExp(WORD_PATTERN, "gu"))) {
		counts.set(word, (counts.get(word) ?? 0) + 1);
	}
	return [...counts].map(([word, count]) => ({
		pieces: [...Buffer.from(word, "utf8")].map((byte) => characterOf.get(byte)),
		count,
	}));
}

/** The most frequent pair; of equals, the first by code units of "left right". */
function bestPair(words) {
	const counts = new Map();
	for (const { pieces, count } of words) {
		for (let at = 0; at + 1 < pieces.length; at++) {
			const pair = `${pieces[at]} ${pieces[at + 1]}`;
			counts.set(pair, (counts.get(pair) ?? 0) + count);
		}
	}
	let best;
	let bestCount = 0;
	for (const [pair, count] of counts) {
		if (count > bestCount || (count === bestCount && pair < best)) {
			best = pair;
			bestCount = count;
		}
	}
	return best;
}

function applyMerge(pieces, left, right) {
	const merged = [];
	for (let at = 0; at < pieces.length; at++) {
		if (pieces[at] === left && pieces[at + 1] === right) {
			merged.push(left + right);
			at++;
		} else {
			merged.push(pieces[at]);
		}
	}
	return merged;
}

function train(corpus) {
	const alphabet = byteAlphabet();
	const words = countWords(corpus, new Map(alphabet));
	const tokens = new Set(alphabet.map(([, character]) => character));
	const merges = [];
	while (merges.length < MERGE_COUNT) {
		const pair = bestPair(words);
		if (pair === undefined) throw new Error(`the corpus gives only ${merges.length} merges`);
		const [left, right] = pair.split(" ");
		merges.push(pair);
		tokens.add(left + right);
		for (const word of words) {
			if (word.pieces.includes(left)) word.pieces = applyMerge(word.pieces, left, right);
		}
	}
	return { tokens: [...tokens], merges };
}

function addedToken(id, content, special) {
	return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special };
}

function tokenizerJson({ tokens, merges }) {
	const added = [
		...SPECIAL_TOKENS.map((content) => ({ content, special: true })),
		...MARKUP_TOKENS.map((content) => ({ content, special: false })),
	];
	const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
	return {
		version: "1.0",
		truncation: null,
		padding: null,
		added_tokens: added.map(({ content, special }, at) => addedToken(tokens.length + at, content, special)),
		normalizer: null,
		pre_tokenizer: {
			type: "Sequence",
			pretokenizers: [
				{ type: "Split", pattern: { Regex: WORD_PATTERN }, behavior: "Isolated", invert: false },
				{ ...byteLevel, use_regex: false },
			],
		},
		post_processor: null,
		decoder: { ...byteLevel, use_regex: true },
		model: {
			type: "BPE",
			dropout: null,
			unk_token: null,
			continuing_subword_prefix: null,
			end_of_word_suffix: null,
			fuse_unk: false,
			byte_fallback: false,
			ignore_merges: false,
			vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
			merges,
		},
	};
}

function tokenizerConfig(tokenizer) {
	return {
		add_prefix_space: false,
		added_tokens_decoder: Object.fromEntries(tokenizer.added_tokens.map(({ id, ...token }) => [id, token])),
		bos_token: null,
		clean_up_tokenization_spaces: false,
		eos_token: "<|im_end|>",
		model_max_length: MAX_LENGTH,
		pad_token: "<|endoftext|>",
		tokenizer_class: "PreTrainedTokenizerFast",
		unk_token: null,
	};
}

const target = resolve(process.argv[2] ?? join(SCRIPTS_DIR, "..", "checkpoints", "toy"));
const tokenizer = tokenizerJson(train(toyCorpus()));
const vocabSize = Object.keys(tokenizer.model.vocab).length + tokenizer.added_tokens.length;
const files = {
	"tokenizer.json": tokenizer,
	"tokenizer_config.json": tokenizerConfig(tokenizer),
	"config.json": { model_type: "rollpin_toy", vocab_size: vocabSize, num_hidden_layers: NUM_LAYERS },
};
mkdirSync(target, { recursive: true });
for (const [name, value] of Object.entries(files)) {
	writeFileSync(join(target, name), `${JSON.stringify(value, null, 2)}\n`);
}
writeFileSync(
	join(target, "chat_template.jinja"),
	readFileSync(join(SCRIPTS_DIR, "toy-chat-template.jinja"), "utf8"),
);
console.log(`toy checkpoint of ${vocabSize} tokens in ${target}`);
