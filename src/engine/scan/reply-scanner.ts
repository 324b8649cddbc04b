// Owns the byte-level tokenizer of an engine's reply: strict JSON, chunk by chunk, wherever the chunks are split. Never
// builds a string of the reply; opaque payloads leave as views of the chunks they came in.
import { isUtf8 } from "node:buffer";
import type { Excerpt } from "../../base/excerpt.js";
import {
	firstNumberState,
	isCompleteNumber,
	NUMBER_ENDED,
	NUMBER_MALFORMED,
	nextNumberState,
} from "../../json/number-state.js";
import { JsonSyntaxError } from "../../json/parse.js";
import type { ByteRange } from "../../json/scan.js";
import { isHexDigit, isSimpleEscape } from "../../json/skip.js";
import { plainStringEnd } from "../../json/string-bytes.js";
import { ExcerptRecorder } from "./excerpt-recorder.js";
import type { KnownPayload } from "./known-payload.js";
import { skipElements } from "./plain-elements.js";
import { passSentIds } from "./sent-ids.js";
import { type Site, SiteStack, type SiteTable } from "./sites.js";

export interface ScannedReply {
	/** The reply's bytes with the excerpts taken out. */
	rest: Buffer;
	/** Ascending by offset. Of a string the bytes between the quotes, of a list those between the brackets. */
	excerpts: Excerpt[];
	/** Where known values of the root and of choice 0 stand in `rest`. */
	ranges: ReadonlyMap<Site, ByteRange>;
	/** True when a key that decides something stands twice in one object: which one counts is anyone's guess. */
	hasDuplicateKey: boolean;
}

export interface ReplyScannerOptions {
	/** What to look for. */
	sites: SiteTable;
	/** Deepest nesting of containers. Default 64. */
	maxDepth?: number;
	/** Bound on the reply's size without its payloads. Default 128 MiB. */
	maxRestBytes?: number;
	/** First of the ids that were sent, as text: where a reply's prompt_token_ids repeat them they are not parsed again. */
	sentIds?: Buffer | undefined;
	/** What the reply's payloads are likely to begin as, in their order. */
	knownPayloads?: readonly KnownPayload[] | undefined;
}

// What is due next.
const VALUE = 0;
const VALUE_OR_CLOSE = 1;
const KEY = 2;
const KEY_OR_CLOSE = 3;
const COLON = 4;
const COMMA_OR_CLOSE = 5;
const STRING = 6;
const ESCAPE = 7;
const HEX = 8;
const NUMBER = 9;
const LITERAL = 10;
const END = 11;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NO_EXCERPT = -1;

export class ReplyScanner {
	readonly #recorder: ExcerptRecorder;
	readonly #maxDepth: number;
	readonly #table: SiteTable;
	readonly #sites: SiteStack;
	#state = VALUE;

	#stringIsKey = false;
	#keyStart = 0;
	#hexLeft = 0;
	#numberState = 0;
	#literal = "";
	#literalAt = 0;
	/** Depth inside the list or object that is being taken out, `NO_EXCERPT` when none is; and whether a string is. */
	#excerptDepth = NO_EXCERPT;
	#takesString = false;
	#takesPromptIds = false;
	/** Offset of the prompt ids that are taken out in the whole reply; and the ids they may repeat, null once they did not. */
	#excerptStart = 0;
	#sentIds: Buffer | null;

	#chunk: Buffer = Buffer.alloc(0);
	/** First byte of the chunk that the recorder has not got yet. */
	#from = 0;
	/** Bytes of earlier chunks, for error offsets. */
	#consumed = 0;

	constructor(options: ReplyScannerOptions) {
		this.#table = options.sites;
		this.#sites = new SiteStack(options.sites);
		this.#maxDepth = options.maxDepth ?? 64;
		this.#sentIds = options.sentIds ?? null;
		this.#recorder = new ExcerptRecorder(options.maxRestBytes ?? 128 * 1024 * 1024, options.knownPayloads);
	}

	/**
	 * Takes the next bytes. They are copied where they are kept: the caller may use them for something else.
	 * @throws JsonSyntaxError as soon as the bytes cannot be strict JSON any more
	 * @throws RollpinError `upstream_invalid` when the rest passes its bound
	 */
	push(chunk: Buffer): void {
		this.#chunk = chunk;
		this.#from = 0;
		const end = chunk.length;
		let at = 0;
		while (at < end) {
			const byte = chunk[at] as number;
			switch (this.#state) {
				case STRING:
					at = this.#string(at);
					break;
				case NUMBER: {
					const next = nextNumberState(this.#numberState, byte);
					if (next === NUMBER_MALFORMED) this.#fail("malformed number", at);
					if (next === NUMBER_ENDED) this.#valueDone(at);
					else {
						this.#numberState = next;
						at++;
					}
					break;
				}
				case ESCAPE:
					if (byte === 0x75) {
						this.#hexLeft = 4;
						this.#state = HEX;
					} else if (isSimpleEscape(byte)) this.#state = STRING;
					else this.#fail("bad escape in a string", at);
					at++;
					break;
				case HEX:
					if (!isHexDigit(byte)) this.#fail("bad escape in a string", at);
					if (--this.#hexLeft === 0) this.#state = STRING;
					at++;
					break;
				case LITERAL:
					if (byte !== this.#literal.charCodeAt(this.#literalAt)) this.#fail("unknown literal", at);
					at++;
					if (++this.#literalAt === this.#literal.length) this.#valueDone(at);
					break;
				default:
					if (this.#takesPromptIds && this.#sentIds !== null && this.#sites.depth === this.#excerptDepth) {
						const next = this.#skipSentIds(at, this.#sentIds);
						if (next > at) {
							this.#state = VALUE;
							at = next;
							break;
						}
					}
					if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
						const next = this.#skipElements(at);
						if (next > at) {
							this.#state = COMMA_OR_CLOSE;
							at = next;
							break;
						}
					}
					if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.#structure(byte, at);
					at++;
			}
		}
		this.#handOver(end);
		this.#consumed += end;
	}

	/** Bytes that are held so far. */
	get keptBytes(): number {
		return this.#recorder.keptBytes;
	}

	/** @throws JsonSyntaxError when the reply ended early or is not UTF-8 */
	end(): ScannedReply {
		this.#chunk = Buffer.alloc(0);
		this.#from = 0;
		if (this.#state === NUMBER && isCompleteNumber(this.#numberState)) this.#valueDone(0);
		if (this.#state !== END) this.#fail("unexpected end of JSON", 0);
		const rest = this.#recorder.rest();
		if (!isUtf8(rest)) this.#fail("invalid UTF-8", 0);
		const { ranges, hasDuplicateKey } = this.#sites;
		return { rest, excerpts: this.#recorder.excerpts, ranges, hasDuplicateKey };
	}

	#fail(what: string, at: number): never {
		throw new JsonSyntaxError(what, this.#consumed + at);
	}

	/** Gives the recorder everything before `to`. */
	#handOver(to: number): void {
		if (to <= this.#from) return;
		this.#recorder.add(this.#chunk.subarray(this.#from, to));
		this.#from = to;
	}

	/** Offset in the rest of the chunk's byte at `at`. */
	#restOffset(at: number): number {
		return this.#recorder.restLength + at - this.#from;
	}

	/** In the list that is taken out: past the ids that were sent, as far as they come. Once they differ, it is not tried again. */
	#skipSentIds(at: number, sent: Buffer): number {
		if (this.#state !== VALUE && this.#state !== VALUE_OR_CLOSE) return at;
		const next = passSentIds(this.#chunk, at, sent, this.#consumed + at - this.#excerptStart);
		if (next >= 0) return next;
		this.#sentIds = null;
		return at;
	}

	/** Behind elements of a list that nobody asks for, as far as they are whole in the chunk; `at` where other rules hold. */
	#skipElements(at: number): number {
		const { inArray, isPlain, depth } = this.#sites;
		const mayBegin = this.#state === VALUE || this.#state === VALUE_OR_CLOSE;
		return mayBegin && inArray && isPlain ? skipElements(this.#chunk, at, depth, this.#maxDepth) : at;
	}

	#structure(byte: number, at: number): void {
		switch (this.#state) {
			case VALUE_OR_CLOSE:
				if (byte === CLOSE_BRACKET) this.#close(at);
				else this.#value(byte, at);
				return;
			case VALUE:
				this.#value(byte, at);
				return;
			case KEY_OR_CLOSE:
				if (byte === CLOSE_BRACE) this.#close(at);
				else this.#key(byte, at);
				return;
			case KEY:
				this.#key(byte, at);
				return;
			case COLON:
				if (byte !== 0x3a) this.#fail("expected :", at);
				this.#state = VALUE;
				return;
			case COMMA_OR_CLOSE: {
				const { inArray } = this.#sites;
				if (byte === 0x2c) this.#state = inArray ? VALUE : KEY;
				else if (byte === (inArray ? CLOSE_BRACKET : CLOSE_BRACE)) this.#close(at);
				else this.#fail(inArray ? "expected , or ]" : "expected , or }", at);
				return;
			}
			default:
				this.#fail("text behind the value", at);
		}
	}

	#value(byte: number, at: number): void {
		const site = this.#sites.beginValue(this.#restOffset(at));
		if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#open(byte === OPEN_BRACKET, site, at);
		else this.#scalar(byte, site, at);
	}

	#scalar(byte: number, site: Site, at: number): void {
		const payload = this.#table.payloads[site];
		if (payload !== undefined) this.#openExcerpt(payload, byte === QUOTE ? at + 1 : at);
		if (byte === QUOTE) {
			this.#state = STRING;
			this.#stringIsKey = false;
			this.#takesString = payload !== undefined;
			return;
		}
		// A number or literal is so small that it stays; the empty excerpt tells where.
		if (payload !== undefined) this.#closeExcerpt(at);
		if (byte === 0x74 || byte === 0x66 || byte === 0x6e) {
			this.#state = LITERAL;
			this.#literal = byte === 0x74 ? "true" : byte === 0x66 ? "false" : "null";
			this.#literalAt = 1;
		} else {
			this.#numberState = firstNumberState(byte);
			if (this.#numberState === NUMBER_MALFORMED) this.#fail("unexpected character", at);
			this.#state = NUMBER;
		}
	}

	#open(isArray: boolean, site: Site, at: number): void {
		if (this.#sites.depth >= this.#maxDepth) this.#fail(`nesting deeper than ${this.#maxDepth}`, at);
		this.#sites.open(site, isArray);
		this.#state = isArray ? VALUE_OR_CLOSE : KEY_OR_CLOSE;
		// Another choice's prompt ids need not be the ones that were sent: they stay in the rest.
		this.#takesPromptIds = site === this.#table.promptIds && isArray && this.#sites.choice === 0;
		const field = this.#takesPromptIds ? "prompt_token_ids" : this.#table.payloads[site];
		if (field === undefined) return;
		this.#openExcerpt(field, at + 1);
		this.#excerptDepth = this.#sites.depth;
		this.#excerptStart = this.#consumed + at + 1;
	}

	#close(at: number): void {
		if (this.#sites.depth === this.#excerptDepth) {
			this.#closeExcerpt(at);
			this.#excerptDepth = NO_EXCERPT;
		}
		this.#sites.depth--;
		this.#valueDone(at + 1);
	}

	#openExcerpt(field: string, at: number): void {
		this.#handOver(at);
		this.#recorder.openExcerpt(field, this.#sites.choice);
	}

	#closeExcerpt(at: number): void {
		this.#handOver(at);
		this.#recorder.closeExcerpt();
	}

	#key(byte: number, at: number): void {
		if (byte !== QUOTE) this.#fail("expected a string key", at);
		this.#state = STRING;
		this.#stringIsKey = true;
		this.#keyStart = this.#restOffset(at) + 1;
	}

	#string(from: number): number {
		const chunk = this.#chunk;
		const at = plainStringEnd(chunk, this.#takesString ? this.#passKnown(from) : from, chunk.length);
		if (at === chunk.length) return at;
		const byte = chunk[at];
		if (byte === BACKSLASH) this.#state = ESCAPE;
		else if (byte !== QUOTE) this.#fail("control character in a string", at);
		else if (this.#stringIsKey) this.#keyDone(at);
		else {
			if (this.#takesString) {
				this.#closeExcerpt(at);
				this.#takesString = false;
			}
			this.#valueDone(at + 1);
		}
		return at + 1;
	}

	/**
	 * Behind the bytes that the payload has in common with the known one: those went through a scanner before. Where a
	 * backslash is among them they are scanned again, for the state that they leave.
	 */
	#passKnown(from: number): number {
		// They are being scanned again.
		if (from < this.#from) return from;
		this.#handOver(from);
		if (!this.#recorder.comparesKnown) return from;
		// The known payload may have been a list or an object, whose quotes end no string: the string's own end bounds it.
		const quote = this.#chunk.indexOf(QUOTE, from);
		const same = this.#recorder.takeKnown(this.#chunk.subarray(from, quote === -1 ? undefined : quote));
		if (same === 0) return from;
		this.#from = from + same;
		return this.#chunk.subarray(from, this.#from).includes(BACKSLASH) ? from : this.#from;
	}

	#keyDone(at: number): void {
		this.#state = COLON;
		if (!this.#sites.wantsKey) return;
		// Keys are never inside an excerpt, so the whole key stands in the rest, however it was split.
		this.#handOver(at);
		this.#sites.endKey(this.#recorder.rest().subarray(this.#keyStart));
	}

	/** `end` is the offset behind the value. */
	#valueDone(end: number): void {
		this.#sites.endValue(this.#restOffset(end));
		this.#state = this.#sites.depth === 0 ? END : COMMA_OR_CLOSE;
	}
}
