// Text to token ids for a byte-level BPE that is understood completely, on the event loop in short slices. Gives up on a text
// that it is not sure of, and never guesses.
import { type AddedToken, type BpeDescription, NotUnderstood } from "./description.js";
import { MAX_PIECE_BYTES, MergeTable } from "./merges.js";
import { PieceCache, type PieceIds } from "./piece-cache.js";
import { isSettled } from "./settled.js";

/** In UTF-16 units, each at most three bytes. */
const MAX_PIECE_LENGTH = MAX_PIECE_BYTES / 4;
/** What is normalized at once, in UTF-16 units, or a little more. */
const NORMALIZED_LENGTH = 32 * 1024;
/** Between two rests, in units of text that the cache knows; a millisecond or two. */
const WORK = 32 * 1024;
/** What a unit of text costs that has to be merged. */
const MERGED_COST = 8;
/** What normal form C leaves as it is: nothing below composes with anything below. */
const COMPOSES = /[^\0-\u02ff]/;
const CACHE_BYTES = 8 * 1024 * 1024;

/** An encode under way: rests where it has held the loop long enough; null: this text is not for it. */
export type FastEncoding = Generator<undefined, Int32Array | null, void>;

interface Ids {
	buffer: Int32Array;
	length: number;
	/** Work since the last rest. */
	work: number;
}

export class FastBpe {
	readonly #description: BpeDescription;
	readonly #merges: MergeTable;
	readonly #whole: ReadonlyMap<string, number>;
	readonly #cache = new PieceCache(CACHE_BYTES);
	readonly #addedIds: ReadonlyMap<string, number>;
	readonly #addedRaw: RegExp | null;
	readonly #addedNormalized: RegExp | null;
	readonly #bytes = Buffer.alloc(MAX_PIECE_BYTES);
	readonly #symbols = new Int32Array(MAX_PIECE_BYTES);

	/** @param idOf the id of an added token @throws NotUnderstood for a token that has none */
	constructor(description: BpeDescription, idOf: (token: string) => number | null) {
		this.#description = description;
		this.#merges = new MergeTable(description.merges);
		const { added, nfc } = description;
		const texts = added.map((token) =>
			nfc && token.normalized ? { ...token, content: token.content.normalize("NFC") } : token,
		);
		this.#addedIds = new Map(
			texts.map(({ content }, at) => [content, required(added[at] as AddedToken, idOf)]),
		);
		this.#addedRaw = finder(texts.filter(({ normalized }) => !normalized));
		this.#addedNormalized = finder(texts.filter(({ normalized }) => normalized));
		this.#whole = this.#exceptions(description.whole);
	}

	/** Of the tokens that are taken whole those that the merges do not make: the others need no map. */
	#exceptions(whole: ReadonlyMap<string, number> | null): ReadonlyMap<string, number> {
		const exceptions = new Map<string, number>();
		for (const [text, id] of whole ?? []) {
			if (text.length > MAX_PIECE_LENGTH) continue;
			const merged = this.#merge(text);
			if (merged.length !== 1 || merged[0] !== id) exceptions.set(text, id);
		}
		return exceptions;
	}

	*encode(text: string): FastEncoding {
		try {
			return yield* this.#encoded(text);
		} catch (error) {
			// At a run of millions of characters V8's matcher runs out of its stack; the library does not.
			if (error instanceof RangeError) return null;
			throw error;
		}
	}

	*#encoded(text: string): FastEncoding {
		const ids: Ids = { buffer: new Int32Array(64 + (text.length >> 2)), length: 0, work: 0 };
		for (const raw of parts(text, this.#addedRaw)) {
			if (raw.added) push(ids, this.#addedIds.get(raw.text) as number);
			else if (!(yield* this.#normalized(raw.text, ids))) return null;
		}
		return ids.buffer.slice(0, ids.length);
	}

	*#normalized(text: string, ids: Ids): Generator<undefined, boolean, void> {
		const normal = this.#description.nfc && COMPOSES.test(text) ? yield* composed(text) : text;
		if (normal === null) return false;
		for (const part of parts(normal, this.#addedNormalized)) {
			if (part.added) push(ids, this.#addedIds.get(part.text) as number);
			else if (!(yield* this.#plain(part.text, ids))) return false;
		}
		return true;
	}

	*#plain(text: string, ids: Ids): Generator<undefined, boolean, void> {
		const { cuts, piece: pattern } = this.#description.splitting;
		for (const { text: part } of parts(text, cuts)) {
			for (let at = 0; at < part.length; ) {
				// Set anew each time: others use the pattern while this one rests.
				pattern.lastIndex = at;
				if (!pattern.test(part)) return false;
				const end = pattern.lastIndex;
				if (end - at > MAX_PIECE_LENGTH) return false;
				const piece = part.slice(at, end);
				let found = this.#cache.get(piece);
				if (found === undefined) {
					// A settled text is split as the library does. What is in the cache was tested when it came.
					if (!isSettled(piece)) return false;
					found = this.#encodePiece(piece);
					this.#cache.set(piece, found);
					ids.work += piece.length * MERGED_COST;
				}
				if (typeof found === "number") push(ids, found);
				else pushAll(ids, found);
				at = end;
				ids.work += piece.length;
				if (ids.work > WORK) {
					ids.work = 0;
					yield;
				}
			}
		}
		return true;
	}

	get addedIds(): Iterable<number> {
		return this.#addedIds.values();
	}

	/** Without a rest, however long it takes. */
	encodeAtOnce(text: string): Int32Array | null {
		const encoding = this.encode(text);
		for (;;) {
			const { done, value } = encoding.next();
			if (done === true) return value;
		}
	}

	/** The text as it is split, in the form in which it is. */
	split(text: string): string[] {
		const { cuts, piece } = this.#description.splitting;
		return Array.from(parts(text, cuts)).flatMap(
			(part) => part.text.match(new RegExp(piece.source, `${piece.flags}g`)) ?? [],
		);
	}

	/** What it has learnt of texts. */
	forget(): void {
		this.#cache.clear();
	}

	#encodePiece(piece: string): PieceIds {
		const whole = this.#whole.get(piece);
		if (whole !== undefined) return whole;
		const merged = this.#merge(piece);
		return merged.length === 1 ? (merged[0] as number) : merged.slice();
	}

	#merge(piece: string): Int32Array {
		const length = this.#bytes.write(piece);
		const { byteIds } = this.#description;
		for (let at = 0; at < length; at++) this.#symbols[at] = byteIds[this.#bytes[at] as number] as number;
		return this.#merges.merge(this.#symbols, length);
	}
}

/** Normal form C; null for a text that V8 may compose otherwise than the library. */
function* composed(text: string): Generator<undefined, string | null, void> {
	let normal = "";
	for (let at = 0; at < text.length; ) {
		if (at > 0) yield;
		// Neither an ASCII character nor a Chinese one composes with anything before it.
		const apart = /[\0-\x7f\u4e00-\u9fa5]/g;
		apart.lastIndex = at + NORMALIZED_LENGTH;
		const end = apart.exec(text)?.index ?? text.length;
		const chunk = text.slice(at, end);
		// Tested before: what V8 composes of unsettled characters could be settled.
		if (chunk.length > NORMALIZED_LENGTH * 4 || !isSettled(chunk)) return null;
		normal += chunk.normalize("NFC");
		at = end;
	}
	return normal;
}

function required({ content }: AddedToken, idOf: (token: string) => number | null): number {
	const id = idOf(content);
	if (id === null) throw new NotUnderstood(`the added token ${content} has no id`);
	return id;
}

/** Finds the longest of several tokens that begin at one place; null for no tokens. */
function finder(tokens: readonly AddedToken[]): RegExp | null {
	if (tokens.length === 0) return null;
	const longestFirst = tokens.map(({ content }) => content).sort((a, b) => b.length - a.length);
	return new RegExp(
		longestFirst.map((token) => token.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"),
		"gu",
	);
}

interface Part {
	text: string;
	/** It is what was looked for, not what lies between. */
	added: boolean;
}

/** A text cut at what a global pattern finds in it. */
function* parts(text: string, pattern: RegExp | null): Generator<Part, void, void> {
	let at = 0;
	for (const match of pattern === null ? [] : text.matchAll(pattern)) {
		if (match.index > at) yield { text: text.slice(at, match.index), added: false };
		yield { text: match[0], added: true };
		at = match.index + match[0].length;
	}
	if (at < text.length) yield { text: at === 0 ? text : text.slice(at), added: false };
}

function push(ids: Ids, id: number): void {
	if (ids.length === ids.buffer.length) grow(ids, 1);
	ids.buffer[ids.length++] = id;
}

function pushAll(ids: Ids, more: Int32Array): void {
	if (ids.length + more.length > ids.buffer.length) grow(ids, more.length);
	for (const id of more) ids.buffer[ids.length++] = id;
}

function grow(ids: Ids, by: number): void {
	const larger = new Int32Array(ids.buffer.length * 2 + by);
	larger.set(ids.buffer);
	ids.buffer = larger;
}
