// Makes checkpoints/toy/tokenizer.json, tokenizer_config.json and config.json from toy-corpus.txt.
// The same bytes on every run: no clock, no randomness. The chat template beside them is written by hand.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MERGE_COUNT = 3000;
const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
const MARKUP = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"];
/** The same in JavaScript and in the Rust library's regex. Newlines and digits stand alone. */
const PIECE = " ?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|\\n+|[^\\S\\n]+(?!\\S)|\\s+";

const scripts = dirname(fileURLToPath(import.meta.url));
const target = join(scripts, "..", "checkpoints", "toy");

/** The printable character for each byte, as every byte-level BPE has it. */
function byteAlphabet() {
	const printable = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
	let next = 256;
	return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : next++));
}

/** Distinct pieces of the corpus as symbol lists, with how often each occurs. */
function countPieces(corpus, alphabet) {
	const words = new Map();
	for (const [piece] of corpus.matchAll(new RegExp(PIECE, "gu"))) {
		const word = words.get(piece);
		if (word) word.count++;
		else
			words.set(piece, { count: 1, symbols: [...Buffer.from(piece, "utf8")].map((byte) => alphabet[byte]) });
	}
	return [...words.values()];
}

/** The most frequent neighbouring pair; ties go to the pair that sorts first. */
function bestPair(words) {
	const counts = new Map();
	for (const { count, symbols } of words) {
		for (let i = 1; i < symbols.length; i++) {
			const pair = `${symbols[i - 1]} ${symbols[i]}`;
			counts.set(pair, (counts.get(pair) ?? 0) + count);
		}
	}
	let best;
	for (const [pair, count] of counts) {
		if (!best || count > best.count || (count === best.count && pair < best.pair)) best = { pair, count };
	}
	return best?.pair.split(" ");
}

function applyMerge(words, [left, right]) {
	for (const { symbols } of words) {
		for (let i = 1; i < symbols.length; i++) {
			if (symbols[i - 1] === left && symbols[i] === right) symbols.splice(i - 1, 2, left + right);
		}
	}
}

function train(corpus) {
	const alphabet = byteAlphabet();
	const words = countPieces(corpus, alphabet);
	const vocab = new Map([...alphabet].sort().map((symbol, id) => [symbol, id]));
	const merges = [];
	while (merges.length < MERGE_COUNT) {
		const pair = bestPair(words);
		if (!pair) break;
		applyMerge(words, pair);
		merges.push(pair);
		const symbol = pair.join("");
		if (!vocab.has(symbol)) vocab.set(symbol, vocab.size);
	}
	return { vocab, merges };
}

const { vocab, merges } = train(readFileSync(join(scripts, "toy-corpus.txt"), "utf8"));
const addedToken = (content, index, special) => ({
	id: vocab.size + index,
	content,
	single_word: false,
	lstrip: false,
	rstrip: false,
	normalized: false,
	special,
});
const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const write = (name, value, indent) =>
	writeFileSync(join(target, name), `${JSON.stringify(value, null, indent)}\n`);

write("tokenizer.json", {
	version: "1.0",
	truncation: null,
	padding: null,
	added_tokens: [...SPECIAL, ...MARKUP].map((content, index) =>
		addedToken(content, index, index < SPECIAL.length),
	),
	normalizer: null,
	pre_tokenizer: {
		type: "Sequence",
		pretokenizers: [
			{ type: "Split", pattern: { Regex: PIECE }, behavior: "Isolated", invert: false },
			byteLevel,
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
		vocab: Object.fromEntries(vocab),
		merges,
	},
});
write(
	"tokenizer_config.json",
	{
		tokenizer_class: "PreTrainedTokenizerFast",
		bos_token: null,
		eos_token: "<|im_end|>",
		pad_token: "<|endoftext|>",
		unk_token: null,
		model_max_length: 1048576,
		clean_up_tokenization_spaces: false,
		add_bos_token: false,
	},
	"\t",
);
write(
	"config.json",
	{ model_type: "rollpin_toy", vocab_size: vocab.size + SPECIAL.length + MARKUP.length },
	"\t",
);
console.log(`toy checkpoint: ${merges.length} merges, ${vocab.size + SPECIAL.length + MARKUP.length} ids`);
