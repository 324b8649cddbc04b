// Reads a tokenizer.json that is a byte-level BPE of a kind that is understood completely. Says why not, and encodes nothing.
import { isUtf8 } from "node:buffer";
import { BYTE_CHARACTERS, bytesOfToken } from "./byte-characters.js";
import type { Merges } from "./merges.js";
import { BYTE_LEVEL_PATTERN, type Splitting, splittingFor } from "./patterns.js";

export interface AddedToken {
	content: string;
	/** Looked for in the normalized text, after those that are not. */
	normalized: boolean;
}

export interface BpeDescription {
	/** Normal form C before anything else but added tokens; else the text as it is. */
	nfc: boolean;
	splitting: Splitting;
	added: readonly AddedToken[];
	/** The largest id in the vocabulary, added tokens aside. */
	largestId: number;
	/** Id of each byte. */
	byteIds: Int32Array;
	merges: Merges;
	/** Texts of tokens and their ids, to be taken whole, whatever the merges make of them; null: merges alone decide. */
	whole: ReadonlyMap<string, number> | null;
}

/** Ids by token; has no prototype. An object as it was parsed: a map of it would take longer to make than all the rest. */
type Vocab = Readonly<Record<string, number>>;

type Json = Readonly<Record<string, unknown>>;

/** Why a tokenizer is not understood. */
export class NotUnderstood extends Error {}

/**
 * @param json a parsed tokenizer.json, whose vocabulary loses its prototype
 * @throws NotUnderstood when anything in it is not known to be without effect on ids
 */
export function readDescription(json: unknown): BpeDescription {
	const file = asObject(json, "the file");
	allow(file, "tokenizer.json", [
		"version",
		"truncation",
		"padding",
		"added_tokens",
		"normalizer",
		"pre_tokenizer",
		"post_processor",
		"decoder",
		"model",
	]);
	checkPostProcessor(file["post_processor"]);
	const model = asObject(file["model"], "model");
	const vocab = vocabOf(model);
	const byteIds = Int32Array.from(BYTE_CHARACTERS, (character) => vocab[character] ?? -1);
	if (byteIds.includes(-1)) throw new NotUnderstood("the vocabulary lacks a byte");
	return {
		nfc: readsNfc(file["normalizer"]),
		splitting: splittingOf(file["pre_tokenizer"]),
		added: addedTokens(file["added_tokens"]),
		largestId: largestOf(vocab),
		byteIds,
		merges: mergesOf(model["merges"], vocab),
		whole: model["ignore_merges"] === true ? textsOf(vocab) : null,
	};
}

function allow(object: Json, where: string, known: readonly string[]): void {
	const other = Object.keys(object).find((key) => !known.includes(key));
	if (other !== undefined) throw new NotUnderstood(`${where} has ${other}`);
}

function asObject(value: unknown, where: string): Json {
	if (typeof value !== "object" || value === null || Array.isArray(value))
		throw new NotUnderstood(`${where} is no object`);
	return value as Json;
}

function listOf(value: unknown, where: string): readonly unknown[] {
	if (!Array.isArray(value)) throw new NotUnderstood(`${where} is no list`);
	return value;
}

function readsNfc(normalizer: unknown): boolean {
	if (normalizer === null || normalizer === undefined) return false;
	const { type, ...rest } = asObject(normalizer, "normalizer");
	if (type === "NFC") return true;
	const parts = rest["normalizers"];
	if (type === "Sequence" && Array.isArray(parts) && parts.length === 0) return false;
	throw new NotUnderstood(`the normalizer is ${JSON.stringify(normalizer)}`);
}

/** Those that move offsets only. */
function checkPostProcessor(processor: unknown): void {
	if (processor === null || processor === undefined) return;
	const { type, processors } = asObject(processor, "post_processor");
	if (type === "ByteLevel") return;
	if (type !== "Sequence") throw new NotUnderstood(`the post-processor is ${String(type)}`);
	for (const part of listOf(processors, "processors")) checkPostProcessor(part);
}

function splittingOf(preTokenizer: unknown): Splitting {
	const outer = asObject(preTokenizer, "pre_tokenizer");
	const parts = outer["type"] === "Sequence" ? listOf(outer["pretokenizers"], "pretokenizers") : [outer];
	const steps = parts.map((part) => asObject(part, "a pre-tokenizer"));
	const last = steps.pop();
	if (last?.["type"] !== "ByteLevel" || last["add_prefix_space"] !== false)
		throw new NotUnderstood("the last pre-tokenizer is no ByteLevel that adds no space");
	const patterns = steps.map((step) => {
		const regex = asObject(step["pattern"], "pattern")["Regex"];
		const plain = step["type"] === "Split" && step["behavior"] === "Isolated" && step["invert"] === false;
		if (!plain || typeof regex !== "string") throw new NotUnderstood("a pre-tokenizer is no plain split");
		return regex;
	});
	if (last["use_regex"] !== false) patterns.push(BYTE_LEVEL_PATTERN);
	const splitting = splittingFor(patterns);
	if (splitting === null) throw new NotUnderstood(`the patterns are ${JSON.stringify(patterns)}`);
	return splitting;
}

function addedTokens(value: unknown): AddedToken[] {
	const seen = new Set<unknown>();
	return listOf(value ?? [], "added_tokens").map((item) => {
		const token = asObject(item, "an added token");
		const { content } = token;
		if (typeof content !== "string" || content === "" || seen.has(content))
			throw new NotUnderstood("an added token has no text of its own");
		for (const flag of ["single_word", "lstrip", "rstrip"])
			if (token[flag] !== false) throw new NotUnderstood(`${content} has ${flag}`);
		seen.add(content);
		return { content, normalized: token["normalized"] === true };
	});
}

function vocabOf(model: Json): Vocab {
	const { type } = model;
	if (type !== "BPE") throw new NotUnderstood(`the model is ${String(type)}`);
	for (const field of ["dropout", "unk_token"])
		if ((model[field] ?? null) !== null) throw new NotUnderstood(`the model has ${field}`);
	for (const field of ["continuing_subword_prefix", "end_of_word_suffix"])
		if ((model[field] ?? "") !== "") throw new NotUnderstood(`the model has ${field}`);
	for (const field of ["fuse_unk", "byte_fallback"])
		if ((model[field] ?? false) !== false) throw new NotUnderstood(`the model has ${field}`);
	allow(model, "the model", [
		"type",
		"dropout",
		"unk_token",
		"continuing_subword_prefix",
		"end_of_word_suffix",
		"fuse_unk",
		"byte_fallback",
		"ignore_merges",
		"vocab",
		"merges",
	]);
	return Object.setPrototypeOf(asObject(model["vocab"], "vocab"), null) as Vocab;
}

function largestOf(vocab: Vocab): number {
	let largest = -1;
	for (const token in vocab) largest = Math.max(largest, vocab[token] as number);
	return largest;
}

/** Pairs, or two texts with a space between, as older files have them. */
function mergesOf(value: unknown, vocab: Vocab): Merges {
	const list = listOf(value, "merges");
	const merges = {
		left: new Int32Array(list.length),
		right: new Int32Array(list.length),
		made: new Int32Array(list.length),
	};
	for (const [rank, merge] of list.entries()) {
		const [left, right, more] = (typeof merge === "string" ? merge.split(" ") : merge) as string[];
		if (left === undefined || right === undefined || more !== undefined)
			throw new NotUnderstood(`merge ${rank} is no pair`);
		merges.left[rank] = idOf(left, vocab);
		merges.right[rank] = idOf(right, vocab);
		merges.made[rank] = idOf(left + right, vocab);
	}
	return merges;
}

function idOf(token: string, vocab: Vocab): number {
	const id = vocab[token];
	if (id === undefined) throw new NotUnderstood(`a merge is of ${token}, which is no token`);
	return id;
}

/** Tokens that are text by themselves; others are parts of characters and can be no whole piece. */
function textsOf(vocab: Vocab): Map<string, number> {
	const texts = new Map<string, number>();
	for (const token in vocab) {
		const bytes = bytesOfToken(token);
		if (bytes !== null && isUtf8(bytes)) texts.set(bytes.toString(), vocab[token] as number);
	}
	return texts;
}
