// Text to token ids and back: on the event loop where the tokenizer is understood completely, else by the library on the
// thread pool. Adds no special token and cuts nothing.
import { Tokenizer } from "tokenizers";
import { ConfigError, RollpinError } from "../base/errors.js";
import { foreground } from "../base/pace.js";
import { NotUnderstood, readDescription } from "./bpe/description.js";
import { FastBpe, type FastEncoding } from "./bpe/fast-bpe.js";
import { firstDifference } from "./bpe/self-check.js";
import { LargeTextGate } from "./large-text-gate.js";
import type { TokenizerJson } from "./tokenizer-json.js";

/** A letter that every tokenizer has. */
const PROBE = "a";

export class Encoder {
	readonly #tokenizer: Tokenizer;
	readonly #maxTextBytes: () => number;
	readonly #large = new LargeTextGate();
	readonly #specialTokens: readonly string[];
	#fast: FastBpe | null = null;
	#anchor: Promise<string | null> | undefined;
	readonly #outputSize: number;
	#largestId: number | undefined;

	/**
	 * Reads and builds the tokenizer, which blocks for up to a second.
	 * @param specialTokens texts of tokens that `encodeContinuation` may put before a text
	 * @throws ConfigError
	 */
	constructor(
		file: string,
		outputSize = 0,
		maxTextBytes = () => Number.POSITIVE_INFINITY,
		specialTokens: readonly string[] = [],
	) {
		this.#specialTokens = specialTokens;
		this.#maxTextBytes = maxTextBytes;
		this.#tokenizer = load(file);
		this.#tokenizer.disableTruncation();
		this.#tokenizer.disablePadding();
		this.#outputSize = outputSize;
	}

	/** Ids a model may sample are below it: the largest token id + 1, or the output layer's size if that is more. */
	get vocabSize(): number {
		this.#largestId ??= Object.values(this.#tokenizer.getVocab(true)).reduce((a, b) => Math.max(a, b), -1);
		return Math.max(this.#largestId + 1, this.#outputSize);
	}

	/**
	 * Encodes on the event loop from now on, where that gives the library's ids. Blocks for up to a second, and compares both.
	 * @param json of the file that this one was made from
	 * @returns why the library goes on encoding everything; null when it does not
	 */
	async goFast({ file }: TokenizerJson): Promise<string | null> {
		try {
			const description = readDescription(file);
			const fast = new FastBpe(description, (token) => this.tokenId(token));
			const differing = await firstDifference(fast, this.#tokenizer, description);
			if (differing !== null) return `other ids than the library's for ${JSON.stringify(differing)}`;
			fast.forget();
			// As `getVocab` would say, which takes longer than to read the file.
			this.#largestId = Math.max(description.largestId, ...fast.addedIds);
			this.#fast = fast;
			return null;
		} catch (error) {
			if (error instanceof NotUnderstood) return error.message;
			throw error;
		}
	}

	/** @throws RollpinError `session_too_large` for a text over `maxTextBytes`, which is not encoded */
	encode(text: string): Int32Array | Promise<Int32Array> {
		// A UTF-16 unit has three bytes at most.
		if (text.length * 3 > this.#maxTextBytes()) this.#refuseLarge(text);
		if (this.#fast === null) return this.#byLibrary(text);
		const encoding = this.#fast.encode(text);
		const { done, value } = encoding.next();
		if (done !== true) return this.#slowly(text, encoding);
		return value ?? this.#byLibrary(text);
	}

	#refuseLarge(text: string): void {
		const bytes = Buffer.byteLength(text);
		if (bytes <= this.#maxTextBytes()) return;
		throw new RollpinError(
			"session_too_large",
			`the rendered messages have ${bytes} bytes, over the limit of ${this.#maxTextBytes()} for one prompt; ` +
				"shorten them or raise --max-session-tokens",
		);
	}

	async #slowly(text: string, encoding: FastEncoding): Promise<Int32Array> {
		return (await this.#finished(encoding)) ?? this.#byLibrary(text);
	}

	async #finished(encoding: FastEncoding): Promise<Int32Array | null> {
		for (;;) {
			await foreground.breathe();
			const { done, value } = encoding.next();
			if (done === true) return value;
		}
	}

	async #byLibrary(text: string): Promise<Int32Array> {
		if (text === "") return new Int32Array(0);
		const encoding = await this.#large.pass(text, () =>
			this.#tokenizer.encode(text, null, { addSpecialTokens: false }),
		);
		return Int32Array.from(encoding.getIds());
	}

	/**
	 * Ids of a text as they are where other ids stand before it: without the mark that SentencePiece-like tokenizers put
	 * before the first text only. @throws RollpinError as `encode`
	 */
	encodeContinuation(text: string): Int32Array | Promise<Int32Array> {
		// Byte-level tokenizers put no such mark.
		return this.#fast === null ? this.#afterAnchor(text) : this.encode(text);
	}

	async #afterAnchor(text: string): Promise<Int32Array> {
		if (text === "") return new Int32Array(0);
		this.#anchor ??= this.#findAnchor();
		const anchor = await this.#anchor;
		return anchor === null ? this.encode(text) : (await this.encode(anchor + text)).subarray(1);
	}

	/** A token after which a text has other ids than alone; null where that makes no difference. */
	async #findAnchor(): Promise<string | null> {
		const alone = await this.encode(PROBE);
		for (const token of this.#specialTokens) {
			const [first, ...rest] = await this.encode(token + PROBE);
			if (first !== this.tokenId(token)) continue;
			return rest.join() === alone.join() ? null : token;
		}
		return null;
	}

	/** Special tokens stay in the text. */
	async decode(ids: Int32Array): Promise<string> {
		return ids.length === 0 ? "" : this.#tokenizer.decode(Array.from(ids), false);
	}

	async decodeMany(lists: readonly Int32Array[]): Promise<string[]> {
		if (lists.length === 0) return [];
		return this.#tokenizer.decodeBatch(
			lists.map((ids) => Array.from(ids)),
			false,
		);
	}

	/** Id of a token by its exact text. */
	tokenId(token: string): number | null {
		return this.#tokenizer.tokenToId(token);
	}
}

function load(file: string): Tokenizer {
	try {
		return Tokenizer.fromFile(file);
	} catch (error) {
		const reason = error instanceof Error ? error.message : String(error);
		throw new ConfigError(
			`--checkpoint: cannot load ${file} (${reason}); copy it again from the model's repository`,
			{
				cause: error,
			},
		);
	}
}
