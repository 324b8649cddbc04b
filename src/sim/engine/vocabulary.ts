// One tokenizer as the simulator needs it: text to ids, ids to bytes. Never guesses at text it cannot decode.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer } from "tokenizers";
import { ConfigError } from "../../base/errors.js";

/** GPT-2's reversible map from bytes to printable characters, inverted. */
function byteAlphabet(): Map<number, number> {
	const alphabet = new Map<number, number>();
	let next = 256;
	for (let byte = 0; byte < 256; byte++) {
		const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
		alphabet.set(printable ? byte : next++, byte);
	}
	return alphabet;
}

const ALPHABET = byteAlphabet();

export class Vocabulary {
	readonly #tokenizer: Tokenizer;
	readonly #added: ReadonlyMap<number, string>;
	readonly #special: ReadonlySet<number>;
	readonly #bytes: Array<Buffer | undefined>;
	readonly #json = new Map<number, string>();
	readonly #textJson = new Map<number, string>();
	/** Number of ids; every id is below it. */
	readonly size: number;
	/** The id that ends a turn. */
	readonly endOfTurnId: number;

	constructor(
		tokenizer: Tokenizer,
		added: ReadonlyMap<number, string>,
		special: ReadonlySet<number>,
		endOfTurnId: number,
	) {
		this.#tokenizer = tokenizer;
		this.#added = added;
		this.#special = special;
		let size = tokenizer.getVocabSize(true);
		for (const id of added.keys()) size = Math.max(size, id + 1);
		this.size = size;
		this.endOfTurnId = endOfTurnId;
		this.#bytes = new Array(size);
	}

	async encode(text: string): Promise<Int32Array> {
		const encoding = await this.#tokenizer.encode(text, null, { addSpecialTokens: false });
		return Int32Array.from(encoding.getIds());
	}

	/** The bytes that an id stands for; they need not be whole characters. Empty for an id without a token. */
	bytesOf(id: number): Buffer {
		const known = this.#bytes[id];
		if (known) return known;
		const bytes = this.#readBytes(id);
		if (id >= 0 && id < this.size) this.#bytes[id] = bytes;
		return bytes;
	}

	#readBytes(id: number): Buffer {
		const added = this.#added.get(id);
		if (added !== undefined) return Buffer.from(added, "utf8");
		const token = this.#tokenizer.idToToken(id);
		if (token === null) return Buffer.alloc(0);
		const bytes = Buffer.alloc(token.length);
		for (let at = 0; at < token.length; at++) {
			const byte = ALPHABET.get(token.charCodeAt(at));
			if (byte === undefined) return Buffer.from(token, "utf8");
			bytes[at] = byte;
		}
		return bytes;
	}

	/** Text of ids, special tokens kept unless `skipSpecial`; broken characters become U+FFFD. */
	decode(ids: Int32Array | readonly number[], skipSpecial = false): string {
		const parts: Buffer[] = [];
		for (const id of ids) if (!(skipSpecial && this.#special.has(id))) parts.push(this.bytesOf(id));
		return Buffer.concat(parts).toString("utf8");
	}

	/** `"token":...,"bytes":[...]` of an id, as a reply's logprobs carry it. */
	jsonOf(id: number): string {
		const known = this.#json.get(id);
		if (known !== undefined) return known;
		const bytes = this.bytesOf(id);
		const text = `"token":${JSON.stringify(bytes.toString("utf8"))},"bytes":[${bytes.join(",")}]`;
		this.#json.set(id, text);
		return text;
	}

	/** The text of an id as a JSON string, as `output_token_logprobs` carries it. */
	textJsonOf(id: number): string {
		const known = this.#textJson.get(id);
		if (known !== undefined) return known;
		const text = JSON.stringify(this.bytesOf(id).toString("utf8"));
		this.#textJson.set(id, text);
		return text;
	}

	idOf(token: string): number | null {
		return this.#tokenizer.tokenToId(token);
	}

	isSpecial(id: number): boolean {
		return this.#special.has(id);
	}
}

interface TokenizerFile {
	added_tokens?: Array<{ id: number; content: string; special: boolean }>;
	decoder?: unknown;
}

/**
 * Loads `tokenizer.json` and `tokenizer_config.json` of a checkpoint directory.
 * @param endOfTurnToken token that ends a turn; "": `<|im_end|>` where known, else the eos token
 * @throws ConfigError when a file is missing, the tokenizer is not byte-level, or the token is unknown
 */
export async function loadVocabulary(checkpointDir: string, endOfTurnToken: string): Promise<Vocabulary> {
	const text = await readCheckpointFile(checkpointDir, "tokenizer.json");
	const file = JSON.parse(text) as TokenizerFile;
	if (!JSON.stringify(file.decoder ?? null).includes('"ByteLevel"')) {
		throw new ConfigError(
			`the tokenizer in ${checkpointDir} is not byte-level; the simulated engine needs one that is`,
		);
	}
	const config = JSON.parse(await readCheckpointFile(checkpointDir, "tokenizer_config.json")) as {
		eos_token?: string | { content: string };
	};
	const tokenizer = Tokenizer.fromString(text);
	const eos = typeof config.eos_token === "object" ? config.eos_token?.content : config.eos_token;
	const names = endOfTurnToken === "" ? ["<|im_end|>", eos ?? ""] : [endOfTurnToken];
	const endOfTurnId = names.map((name) => tokenizer.tokenToId(name)).find((id) => id !== null);
	if (endOfTurnId === undefined || endOfTurnId === null) {
		throw new ConfigError(
			`the vocabulary of ${checkpointDir} has no end-of-turn token ${names.join(" or ")}; name one with endOfTurnToken`,
		);
	}
	const added = new Map<number, string>();
	const special = new Set<number>();
	for (const token of file.added_tokens ?? []) {
		added.set(token.id, token.content);
		if (token.special) special.add(token.id);
	}
	return new Vocabulary(tokenizer, added, special, endOfTurnId);
}

async function readCheckpointFile(directory: string, name: string): Promise<string> {
	try {
		return await readFile(join(directory, name), "utf8");
	} catch (cause) {
		throw new ConfigError(`cannot read ${join(directory, name)}; name a Hugging Face checkpoint directory`, {
			cause,
		});
	}
}
