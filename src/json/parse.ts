// Owns JSON text to and from lossless JsonValue; never builds an object from untrusted keys, never guesses.
import { isUtf8 } from "node:buffer";
import { JsonNumber, type JsonObject, type JsonValue } from "./value.js";
import { isWellFormed } from "./well-formed.js";

/** The text is not RFC 8259 JSON; `offset` is the byte (UTF-8) where that shows. */
export class JsonSyntaxError extends Error {
	readonly offset: number;

	constructor(what: string, offset: number) {
		super(`${what} at byte ${offset}`);
		this.name = "JsonSyntaxError";
		this.offset = offset;
	}
}

export interface ParseJsonOptions {
	/** Deepest nesting of arrays and objects that is accepted. Default 64. */
	maxDepth?: number;
}

/**
 * Strict RFC 8259: no NaN or Infinity, no byte order mark, no invalid UTF-8, nothing behind the value.
 * Escaped lone surrogates are legal JSON and are kept as they are.
 * @throws JsonSyntaxError naming what is wrong and the byte offset
 */
export function parseJson(input: Uint8Array | string, options: ParseJsonOptions = {}): JsonValue {
	return new Parser(toBytes(input), options.maxDepth ?? 64).parse();
}

/** Compact JSON text; numbers as they were spelled, keys in their order, lone surrogates escaped. */
export function writeJson(value: JsonValue): string {
	if (value === null || typeof value === "boolean") return String(value);
	if (typeof value === "string") return JSON.stringify(value);
	if (value instanceof JsonNumber) return value.text;
	if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
	const members: string[] = [];
	for (const [key, member] of value) members.push(`${JSON.stringify(key)}:${writeJson(member)}`);
	return `{${members.join(",")}}`;
}

function toBytes(input: Uint8Array | string): Buffer {
	if (typeof input === "string") {
		if (!isWellFormed(input)) throw new JsonSyntaxError("lone surrogate", 0);
		return Buffer.from(input, "utf8");
	}
	const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
	if (!isUtf8(bytes)) throw new JsonSyntaxError("invalid UTF-8", invalidUtf8Offset(bytes));
	return bytes;
}

/** First byte that no longer continues valid UTF-8, by bisection (only on the error path). */
function invalidUtf8Offset(bytes: Buffer): number {
	const valid = (length: number): boolean => {
		try {
			new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
			return true;
		} catch {
			return false;
		}
	};
	let good = 0;
	let bad = bytes.length + 1;
	while (bad - good > 1) {
		const middle = (good + bad) >> 1;
		if (valid(middle)) good = middle;
		else bad = middle;
	}
	return Math.min(good, bytes.length);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

// Works on bytes, so that every string is a fresh one: a V8 slice of a request body would keep the whole
// body alive for as long as one message of it is stored.
class Parser {
	readonly #bytes: Buffer;
	readonly #maxDepth: number;
	#at = 0;

	constructor(bytes: Buffer, maxDepth: number) {
		this.#bytes = bytes;
		this.#maxDepth = maxDepth;
	}

	parse(): JsonValue {
		if (this.#bytes[0] === 0xef && this.#bytes[1] === 0xbb && this.#bytes[2] === 0xbf) {
			throw new JsonSyntaxError("byte order mark", 0);
		}
		const value = this.#value(0);
		this.#skipSpace();
		if (this.#at < this.#bytes.length) this.#fail("text behind the value");
		return value;
	}

	#fail(what: string, at: number = this.#at): never {
		if (at >= this.#bytes.length) throw new JsonSyntaxError("unexpected end of JSON", this.#bytes.length);
		throw new JsonSyntaxError(what, at);
	}

	#skipSpace(): number | undefined {
		const bytes = this.#bytes;
		for (;;) {
			const byte = bytes[this.#at];
			if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
			this.#at++;
		}
	}

	#value(depth: number): JsonValue {
		const byte = this.#skipSpace();
		if (byte === QUOTE) return this.#string();
		if (byte === 0x7b || byte === 0x5b) {
			if (depth >= this.#maxDepth) this.#fail(`nesting deeper than ${this.#maxDepth}`);
			this.#at++;
			return byte === 0x7b ? this.#object(depth + 1) : this.#array(depth + 1);
		}
		if (byte === 0x74) return this.#literal("true", true);
		if (byte === 0x66) return this.#literal("false", false);
		if (byte === 0x6e) return this.#literal("null", null);
		if (byte === 0x2d || (byte !== undefined && byte >= 0x30 && byte <= 0x39)) return this.#number();
		return this.#fail("unexpected character");
	}

	#literal<T extends boolean | null>(text: string, value: T): T {
		const end = this.#at + text.length;
		if (this.#bytes.toString("latin1", this.#at, end) !== text) this.#fail("unknown literal");
		this.#at = end;
		return value;
	}

	#number(): JsonNumber {
		const bytes = this.#bytes;
		let end = this.#at + 1;
		for (let byte = bytes[end]; byte !== undefined && isNumberByte(byte); byte = bytes[++end]);
		const text = bytes.toString("latin1", this.#at, end);
		NUMBER.lastIndex = 0;
		if (NUMBER.exec(text)?.[0] !== text) throw new JsonSyntaxError("malformed number", this.#at);
		this.#at = end;
		return new JsonNumber(text);
	}

	#string(): string {
		const bytes = this.#bytes;
		const open = this.#at;
		let end = open + 1;
		let escaped = false;
		let union = 0;
		for (;;) {
			const byte = bytes[end];
			if (byte === undefined) this.#fail("", end);
			if (byte === QUOTE) break;
			if (byte < 0x20) this.#fail("control character in a string", end);
			if (byte === BACKSLASH) {
				escaped = true;
				end++;
			}
			union |= byte;
			end++;
		}
		this.#at = end + 1;
		if (!escaped)
			return union < 0x80 ? bytes.toString("latin1", open + 1, end) : bytes.toString("utf8", open + 1, end);
		try {
			return JSON.parse(bytes.toString("utf8", open, end + 1)) as string;
		} catch {
			throw new JsonSyntaxError("bad escape in the string", open);
		}
	}

	#array(depth: number): JsonValue[] {
		const items: JsonValue[] = [];
		if (this.#skipSpace() === 0x5d) {
			this.#at++;
			return items;
		}
		for (;;) {
			items.push(this.#value(depth));
			const byte = this.#skipSpace();
			if (byte !== 0x2c && byte !== 0x5d) this.#fail("expected , or ]");
			this.#at++;
			if (byte === 0x5d) return items;
		}
	}

	#object(depth: number): JsonObject {
		const members: JsonObject = new Map();
		if (this.#skipSpace() === 0x7d) {
			this.#at++;
			return members;
		}
		for (;;) {
			if (this.#skipSpace() !== QUOTE) this.#fail("expected a string key");
			const key = this.#string();
			if (this.#skipSpace() !== 0x3a) this.#fail("expected :");
			this.#at++;
			members.set(key, this.#value(depth));
			const byte = this.#skipSpace();
			if (byte !== 0x2c && byte !== 0x7d) this.#fail("expected , or }");
			this.#at++;
			if (byte === 0x7d) return members;
		}
	}
}

function isNumberByte(byte: number): boolean {
	return (
		(byte >= 0x30 && byte <= 0x39) ||
		byte === 0x2e ||
		byte === 0x2b ||
		byte === 0x2d ||
		byte === 0x65 ||
		byte === 0x45
	);
}
