// Text to token ids and back, on the thread pool. Adds no special token and cuts nothing.
import { Tokenizer } from "tokenizers";
import { ConfigError, RollpinError } from "../base/errors.js";
import { LargeTextGate } from "./large-text-gate.js";

/** A letter that every tokenizer has. */
const PROBE = "a";

export class Encoder {
	readonly #tokenizer: Tokenizer;
	readonly #maxTextBytes: number;
	readonly #large = new LargeTextGate();
	readonly #specialTokens: readonly string[];
	#anchor: Promise<string | null> | undefined;
	/** Ids a model may sample are below it: the largest token id + 1, or the output layer's size if that is more. */
	readonly vocabSize: number;

	/**
	 * Reads and builds the tokenizer, which blocks for up to a second.
	 * @param specialTokens texts of tokens that `encodeContinuation` may put before a text
	 * @throws ConfigError
	 */
	constructor(
		file: string,
		outputSize = 0,
		maxTextBytes = Number.POSITIVE_INFINITY,
		specialTokens: readonly string[] = [],
	) {
		this.#specialTokens = specialTokens;
		this.#maxTextBytes = maxTextBytes;
		this.#tokenizer = load(file);
		this.#tokenizer.disableTruncation();
		this.#tokenizer.disablePadding();
		let largest = -1;
		for (const id of Object.values(this.#tokenizer.getVocab(true))) if (id > largest) largest = id;
		this.vocabSize = Math.max(largest + 1, outputSize);
	}

	/** @throws RollpinError `session_too_large` for a text over `maxTextBytes`, which is not encoded */
	async encode(text: string): Promise<Int32Array> {
		if (text === "") return new Int32Array(0);
		const bytes = Buffer.byteLength(text);
		if (bytes > this.#maxTextBytes) {
			throw new RollpinError(
				"session_too_large",
				`the rendered messages have ${bytes} bytes, over the limit of ${this.#maxTextBytes} for one prompt; ` +
					"shorten them or raise --max-session-tokens",
			);
		}
		const encoding = await this.#large.pass(text, () =>
			this.#tokenizer.encode(text, null, { addSpecialTokens: false }),
		);
		return Int32Array.from(encoding.getIds());
	}

	/**
	 * Ids of a text as they are where other ids stand before it: without the mark that SentencePiece-like tokenizers put
	 * before the first text only. @throws RollpinError as `encode`
	 */
	async encodeContinuation(text: string): Promise<Int32Array> {
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
