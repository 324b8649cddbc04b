// Owns the grammar of JSON text that comes in chunks, split anywhere: strict RFC 8259, byte by byte, nothing built and nothing
// kept. Who reads a text extends it, and is told where values begin and end. UTF-8 is the reader's to check.
import { isHexDigit, isSimpleEscape, isSpace } from "./characters.js";
import {
	firstNumberState,
	isCompleteNumber,
	NUMBER_ENDED,
	NUMBER_MALFORMED,
	nextNumberState,
} from "./number-state.js";
import { JsonSyntaxError } from "./parse.js";
import { plainStringEnd } from "./string-bytes.js";

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
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Offsets that it tells are of bytes in the chunk that is being pushed. */
export abstract class ChunkTokenizer {
	/** Open containers. */
	protected depth = 0;
	protected chunk: Buffer = Buffer.alloc(0);
	/** Bytes of earlier chunks. */
	protected consumed = 0;
	readonly #maxDepth: number;
	/** By depth: whether the container is a list; and whether the innermost one is. */
	readonly #isList: boolean[] = [false];
	#inList = false;
	#state = VALUE;
	#stringIsKey = false;
	#hexLeft = 0;
	#numberState = 0;
	#literal = "";
	#literalAt = 0;

	/** @param maxDepth deepest nesting of containers that is let in */
	constructor(maxDepth: number) {
		this.#maxDepth = maxDepth;
	}

	/**
	 * A value may begin at `at`, or space before one. The reader may know elements of the open list that need no walking.
	 * @returns offset past whole elements, after the last one or after its comma; `at` for none
	 */
	protected abstract skipElements(at: number, byte: number, maxDepth: number): number;
	/** A string, number or literal begins with this byte. */
	protected abstract scalarBegins(byte: number, at: number): void;
	/** A container begins with the bracket at `at`; `depth` counts it already. */
	protected abstract containerBegins(isList: boolean, at: number): void;
	/** The container ends with the bracket at `at`; `depth` counts it still. */
	protected abstract containerEnds(at: number): void;
	/** Inside a string that is a value. @returns offset up to which its end need not be looked for; as a rule `from` */
	protected abstract stringGoesOn(from: number): number;
	/** @param at its closing quote */
	protected abstract stringEnds(at: number): void;
	/** @param at its opening quote */
	protected abstract keyBegins(at: number): void;
	/** @param at its closing quote */
	protected abstract keyEnds(at: number): void;
	/** @param end offset after the value; `depth` is that of the container around it */
	protected abstract valueEnds(end: number): void;

	/** @throws JsonSyntaxError as soon as the bytes cannot be strict JSON any more */
	push(chunk: Buffer): void {
		this.chunk = chunk;
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
					if (next === NUMBER_MALFORMED) this.fail("malformed number", at);
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
					else this.fail("bad escape in a string", at);
					at++;
					break;
				case HEX:
					if (!isHexDigit(byte)) this.fail("bad escape in a string", at);
					if (--this.#hexLeft === 0) this.#state = STRING;
					at++;
					break;
				case LITERAL:
					if (byte !== this.#literal.charCodeAt(this.#literalAt)) this.fail("unknown literal", at);
					at++;
					if (++this.#literalAt === this.#literal.length) this.#valueDone(at);
					break;
				case VALUE:
				case VALUE_OR_CLOSE: {
					const next = this.#inList ? this.skipElements(at, byte, this.#maxDepth) : at;
					if (next > at) {
						this.#state = chunk[next - 1] === COMMA ? VALUE : COMMA_OR_CLOSE;
						at = next;
						break;
					}
					if (!isSpace(byte)) this.#valueOrClose(byte, at);
					at++;
					break;
				}
				default:
					if (!isSpace(byte)) this.#structure(byte, at);
					at++;
			}
		}
		this.consumed += end;
	}

	/** No bytes come any more. @throws JsonSyntaxError when the text is not whole */
	protected finish(): void {
		this.chunk = Buffer.alloc(0);
		if (this.#state === NUMBER && isCompleteNumber(this.#numberState)) this.#valueDone(0);
		if (this.#state !== END) this.fail("unexpected end of JSON", 0);
	}

	protected fail(what: string, at: number): never {
		throw new JsonSyntaxError(what, this.consumed + at);
	}

	#valueOrClose(byte: number, at: number): void {
		if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#open(byte === OPEN_BRACKET, at);
		else if (byte === CLOSE_BRACKET && this.#state === VALUE_OR_CLOSE) this.#close(at);
		else this.#scalar(byte, at);
	}

	#scalar(byte: number, at: number): void {
		this.scalarBegins(byte, at);
		if (byte === QUOTE) {
			this.#state = STRING;
			this.#stringIsKey = false;
		} else if (byte === 0x74 || byte === 0x66 || byte === 0x6e) {
			this.#state = LITERAL;
			this.#literal = byte === 0x74 ? "true" : byte === 0x66 ? "false" : "null";
			this.#literalAt = 1;
		} else {
			this.#numberState = firstNumberState(byte);
			if (this.#numberState === NUMBER_MALFORMED) this.fail("unexpected character", at);
			this.#state = NUMBER;
		}
	}

	#structure(byte: number, at: number): void {
		switch (this.#state) {
			case KEY_OR_CLOSE:
				if (byte === CLOSE_BRACE) this.#close(at);
				else this.#key(byte, at);
				return;
			case KEY:
				this.#key(byte, at);
				return;
			case COLON:
				if (byte !== 0x3a) this.fail("expected :", at);
				this.#state = VALUE;
				return;
			case COMMA_OR_CLOSE: {
				const inList = this.#inList;
				if (byte === COMMA) this.#state = inList ? VALUE : KEY;
				else if (byte === (inList ? CLOSE_BRACKET : CLOSE_BRACE)) this.#close(at);
				else this.fail(inList ? "expected , or ]" : "expected , or }", at);
				return;
			}
			default:
				this.fail("text after the value", at);
		}
	}

	#open(isList: boolean, at: number): void {
		if (this.depth >= this.#maxDepth) this.fail(`nesting deeper than ${this.#maxDepth}`, at);
		this.#isList[++this.depth] = isList;
		this.#inList = isList;
		this.#state = isList ? VALUE_OR_CLOSE : KEY_OR_CLOSE;
		this.containerBegins(isList, at);
	}

	#close(at: number): void {
		this.containerEnds(at);
		this.#inList = this.#isList[--this.depth] as boolean;
		this.#valueDone(at + 1);
	}

	#key(byte: number, at: number): void {
		if (byte !== QUOTE) this.fail("expected a string key", at);
		this.#state = STRING;
		this.#stringIsKey = true;
		this.keyBegins(at);
	}

	#string(from: number): number {
		const { chunk } = this;
		const at = plainStringEnd(chunk, this.#stringIsKey ? from : this.stringGoesOn(from), chunk.length);
		if (at === chunk.length) return at;
		const byte = chunk[at];
		if (byte === BACKSLASH) this.#state = ESCAPE;
		else if (byte !== QUOTE) this.fail("control character in a string", at);
		else if (this.#stringIsKey) {
			this.#state = COLON;
			this.keyEnds(at);
		} else {
			this.stringEnds(at);
			this.#valueDone(at + 1);
		}
		return at + 1;
	}

	#valueDone(end: number): void {
		this.#state = this.depth === 0 ? END : COMMA_OR_CLOSE;
		this.valueEnds(end);
	}
}
