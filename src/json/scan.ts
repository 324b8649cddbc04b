// A strict JSON scanner over bytes: validates, and reports where things stand. Builds no values, copies nothing.
import { isUtf8 } from "node:buffer";
import { JsonSyntaxError } from "./parse.js";

export interface ByteRange {
	start: number;
	end: number;
}

/** One top-level member of an object. */
export interface FieldRange {
	/** Decoded. */
	key: string;
	/** Offset of the key's opening quote. */
	keyStart: number;
	valueStart: number;
	valueEnd: number;
}

/** Where the array under the key `messages` stands. */
export interface MessagesRange {
	/** Between the brackets, without the space before the closing one. */
	contentStart: number;
	contentEnd: number;
	/** Elements, in offsets of the whole body; only those behind the shared prefix when one was given and met. */
	elements: ByteRange[];
	/** Length of the shared prefix when it was met, else 0. */
	sharedBytes: number;
}

export interface ObjectScan {
	/** Offsets of the braces. */
	open: number;
	close: number;
	/** In the order in which they stand, duplicates included. */
	fields: FieldRange[];
	/** The last `messages` that is an array; null when the last one is none, or there is none. */
	messages: MessagesRange | null;
}

export interface ScanOptions {
	maxDepth: number;
	/** Content of an earlier, validated messages array; its bytes are not looked at again when they are repeated. */
	sharedPrefix?: { content: Buffer; elementCount: number };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
/** Bytes that may follow a backslash, `u` aside. */
const SIMPLE_ESCAPES = new Set([...'"\\/bfnrt'].map((char) => char.charCodeAt(0)));

/**
 * Scans one JSON object.
 * @throws JsonSyntaxError when the bytes are not one strict JSON object (RFC 8259, UTF-8, no byte order mark)
 */
export function scanObject(body: Buffer, options: ScanOptions): ObjectScan {
	if (!isUtf8(body)) throw new JsonSyntaxError("invalid UTF-8", 0);
	return new Scanner(body, options).object();
}

/** Element ranges of an array's content, which must have been validated before. */
export function scanArrayContent(content: Buffer): ByteRange[] {
	return new Scanner(content, { maxDepth: Number.POSITIVE_INFINITY }).elements(0, content.length);
}

class Scanner {
	readonly #bytes: Buffer;
	readonly #options: ScanOptions;
	#at = 0;

	constructor(bytes: Buffer, options: ScanOptions) {
		this.#bytes = bytes;
		this.#options = options;
	}

	object(): ObjectScan {
		this.#space();
		const open = this.#at;
		if (this.#byte() !== OPEN_BRACE) throw this.#error("expected an object");
		this.#at++;
		const fields: FieldRange[] = [];
		let messages: MessagesRange | null = null;
		this.#space();
		if (this.#byte() !== CLOSE_BRACE) {
			do {
				this.#space();
				const keyStart = this.#at;
				if (this.#byte() !== QUOTE) throw this.#error("expected a key");
				this.#string();
				const key = JSON.parse(this.#bytes.toString("utf8", keyStart, this.#at)) as string;
				this.#colon();
				const valueStart = this.#at;
				if (key === "messages") {
					messages = this.#byte() === OPEN_BRACKET ? this.#messages() : null;
					if (messages === null) this.#value(1);
				} else {
					this.#value(1);
				}
				fields.push({ key, keyStart, valueStart, valueEnd: this.#at });
			} while (this.#continues(CLOSE_BRACE));
		}
		const close = this.#at;
		this.#at++;
		this.#space();
		if (this.#at < this.#bytes.length) throw this.#error("unexpected bytes behind the object");
		return { open, close, fields, messages };
	}

	/** Elements of an array content from `at` to the end of the bytes. */
	elements(at: number, end: number): ByteRange[] {
		this.#at = at;
		const found: ByteRange[] = [];
		this.#space();
		while (this.#at < end) {
			const start = this.#at;
			this.#value(1);
			found.push({ start, end: this.#at });
			this.#space();
			if (this.#at < end && this.#byte() === COMMA) this.#at++;
			this.#space();
		}
		return found;
	}

	#messages(): MessagesRange {
		this.#at++;
		const contentStart = this.#at;
		const elements: ByteRange[] = [];
		const sharedBytes = this.#skipShared(contentStart);
		this.#space();
		let more = this.#byte() !== CLOSE_BRACKET;
		if (more && sharedBytes > 0) {
			if (this.#byte() !== COMMA) throw this.#error("expected a comma or ]");
			this.#at++;
		}
		while (more) {
			this.#space();
			const start = this.#at;
			this.#value(2);
			elements.push({ start, end: this.#at });
			more = this.#continues(CLOSE_BRACKET);
		}
		this.#at++;
		// Without the space before the bracket, so that a pretty-printed history is a prefix of its continuation.
		const contentEnd = elements.at(-1)?.end ?? contentStart + sharedBytes;
		return { contentStart, contentEnd, elements, sharedBytes };
	}

	/** Jumps over the shared prefix if it stands here as whole elements. */
	#skipShared(start: number): number {
		const content = this.#options.sharedPrefix?.content;
		if (content === undefined || content.length === 0) return 0;
		const end = start + content.length;
		if (end >= this.#bytes.length || content.compare(this.#bytes, start, end) !== 0) return 0;
		this.#at = end;
		this.#space();
		if (this.#byte() === COMMA || this.#byte() === CLOSE_BRACKET) return content.length;
		this.#at = start;
		return 0;
	}

	#value(depth: number): void {
		const byte = this.#byte();
		if (byte === QUOTE) this.#string();
		else if (byte === OPEN_BRACE) this.#members(depth + 1);
		else if (byte === OPEN_BRACKET) this.#items(depth + 1);
		else if (byte === 0x74) this.#word("true");
		else if (byte === 0x66) this.#word("false");
		else if (byte === 0x6e) this.#word("null");
		else this.#number();
	}

	#members(depth: number): void {
		this.#enter(depth);
		if (this.#byte() === CLOSE_BRACE) {
			this.#at++;
			return;
		}
		do {
			this.#space();
			if (this.#byte() !== QUOTE) throw this.#error("expected a key");
			this.#string();
			this.#colon();
			this.#value(depth);
		} while (this.#continues(CLOSE_BRACE));
		this.#at++;
	}

	#items(depth: number): void {
		this.#enter(depth);
		if (this.#byte() === CLOSE_BRACKET) {
			this.#at++;
			return;
		}
		do {
			this.#space();
			this.#value(depth);
		} while (this.#continues(CLOSE_BRACKET));
		this.#at++;
	}

	#enter(depth: number): void {
		if (depth > this.#options.maxDepth) throw this.#error(`nesting deeper than ${this.#options.maxDepth}`);
		this.#at++;
		this.#space();
	}

	/** True behind a comma; false at the closing bracket, which it leaves where it is. */
	#continues(close: number): boolean {
		this.#space();
		const byte = this.#byte();
		if (byte === close) return false;
		if (byte !== COMMA) throw this.#error(`expected a comma or ${String.fromCharCode(close)}`);
		this.#at++;
		return true;
	}

	#colon(): void {
		this.#space();
		if (this.#byte() !== COLON) throw this.#error("expected a colon");
		this.#at++;
		this.#space();
	}

	#string(): void {
		const bytes = this.#bytes;
		const start = this.#at;
		let at = start + 1;
		for (;;) {
			const byte = bytes[at];
			if (byte === undefined) throw new JsonSyntaxError("unterminated string", start);
			if (byte === QUOTE) break;
			if (byte < 0x20) throw new JsonSyntaxError("control character in a string", at);
			if (byte === BACKSLASH) {
				const escaped = bytes[at + 1];
				if (escaped === 0x75) {
					if (!isHex4(bytes, at + 2)) throw new JsonSyntaxError("malformed escape", at);
					at += 6;
				} else {
					if (escaped === undefined || !SIMPLE_ESCAPES.has(escaped)) {
						throw new JsonSyntaxError("malformed escape", at);
					}
					at += 2;
				}
			} else {
				at++;
			}
		}
		this.#at = at + 1;
	}

	#number(): void {
		const start = this.#at;
		if (this.#byte() === 0x2d) this.#at++;
		if (this.#byte() === 0x30) this.#at++;
		else this.#digits(start);
		if (this.#byte() === 0x2e) {
			this.#at++;
			this.#digits(start);
		}
		if (this.#byte() === 0x65 || this.#byte() === 0x45) {
			this.#at++;
			if (this.#byte() === 0x2b || this.#byte() === 0x2d) this.#at++;
			this.#digits(start);
		}
	}

	#digits(start: number): void {
		const from = this.#at;
		for (;;) {
			const byte = this.#byte();
			if (byte === undefined || byte < 0x30 || byte > 0x39) break;
			this.#at++;
		}
		if (this.#at > from) return;
		if (this.#at >= this.#bytes.length) throw this.#error("unexpected end");
		throw new JsonSyntaxError(start === this.#at ? "unexpected character" : "malformed number", this.#at);
	}

	#word(word: string): void {
		const end = this.#at + word.length;
		if (this.#bytes.toString("latin1", this.#at, end) !== word) throw this.#error("unexpected character");
		this.#at = end;
	}

	#byte(): number | undefined {
		return this.#bytes[this.#at];
	}

	#space(): void {
		for (;;) {
			const byte = this.#bytes[this.#at];
			if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return;
			this.#at++;
		}
	}

	#error(message: string): JsonSyntaxError {
		return new JsonSyntaxError(message, this.#at);
	}
}

function isHex4(bytes: Buffer, at: number): boolean {
	for (let i = at; i < at + 4; i++) {
		const byte = bytes[i];
		if (byte === undefined) return false;
		const digit = byte >= 0x30 && byte <= 0x39;
		const letter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66;
		if (!digit && !letter) return false;
	}
	return true;
}
