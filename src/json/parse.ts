// Strict JSON text to lossless values and back. Number spelling and key order survive; NaN, BOM and bad UTF-8 don't pass.
import { isUtf8 } from "node:buffer";
import { isSpace } from "./characters.js";
import { JsonNumber, type JsonObject, type JsonValue } from "./value.js";

/** What is wrong with a JSON text, and where. */
export class JsonSyntaxError extends Error {
	/** In bytes for bytes, in UTF-16 units for strings. */
	readonly offset: number;

	constructor(message: string, offset: number) {
		super(`${message} at offset ${offset}`);
		this.name = "JsonSyntaxError";
		this.offset = offset;
	}
}

export interface ParseOptions {
	/** Deepest nesting of arrays and objects let in. */
	maxDepth?: number;
	/** Refuse an object in which a key stands twice; otherwise the last value wins, as in Python. */
	refuseDuplicateKeys?: boolean;
	/** Values and keys that may still be made, over several parses; each one costs memory and time of the event loop. */
	budget?: ValueBudget;
}

export interface ValueBudget {
	values: number;
}

/** What is told when it is used up. */
export const TOO_MANY_VALUES = "too many values; send fewer or shorter lists and objects";

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** @throws JsonSyntaxError */
export function parseJson(source: Uint8Array | string, options: ParseOptions = {}): JsonValue {
	const text = typeof source === "string" ? source : decode(source);
	return new Parser(text, options).document();
}

/**
 * One part of a larger document that is read in one go.
 * @param most of the budget that this part alone may use
 * @throws JsonSyntaxError
 */
export function parseJsonPart(
	source: Uint8Array,
	most: number,
	options: ParseOptions & { budget: ValueBudget },
): JsonValue {
	const own = { values: Math.min(most, options.budget.values) };
	const before = own.values;
	const value = parseJson(source, { ...options, budget: own });
	options.budget.values -= before - own.values;
	return value;
}

function decode(bytes: Uint8Array): string {
	if (!isUtf8(bytes)) throw new JsonSyntaxError("invalid UTF-8", 0);
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

class Parser {
	readonly #text: string;
	readonly #maxDepth: number;
	readonly #refuseDuplicateKeys: boolean;
	readonly #budget: ValueBudget;
	#at = 0;

	constructor(text: string, options: ParseOptions) {
		this.#text = text;
		this.#maxDepth = options.maxDepth ?? 64;
		this.#refuseDuplicateKeys = options.refuseDuplicateKeys ?? false;
		this.#budget = options.budget ?? { values: Number.POSITIVE_INFINITY };
	}

	document(): JsonValue {
		const value = this.#value(0);
		this.#space();
		if (this.#at < this.#text.length) throw this.#error("unexpected text after the document");
		return value;
	}

	#value(depth: number): JsonValue {
		this.#spend();
		this.#space();
		switch (this.#text[this.#at]) {
			case "{":
				return this.#object(depth + 1);
			case "[":
				return this.#array(depth + 1);
			case '"':
				return this.#string();
			case "t":
				return this.#word("true", true);
			case "f":
				return this.#word("false", false);
			case "n":
				return this.#word("null", null);
			default:
				return this.#number();
		}
	}

	#object(depth: number): JsonObject {
		this.#enter(depth);
		const object: JsonObject = new Map();
		if (this.#closes("}")) return object;
		do {
			this.#space();
			if (this.#text[this.#at] !== '"') throw this.#error("expected a key");
			this.#spend();
			const keyAt = this.#at;
			const key = this.#string();
			if (this.#refuseDuplicateKeys && object.has(key)) throw new JsonSyntaxError("duplicate key", keyAt);
			this.#space();
			if (this.#text[this.#at] !== ":") throw this.#error("expected a colon");
			this.#at++;
			object.set(key, this.#value(depth));
		} while (this.#continues("}"));
		return object;
	}

	#array(depth: number): JsonValue[] {
		this.#enter(depth);
		const array: JsonValue[] = [];
		if (this.#closes("]")) return array;
		do array.push(this.#value(depth));
		while (this.#continues("]"));
		return array;
	}

	#spend(): void {
		if (--this.#budget.values < 0) throw this.#error(TOO_MANY_VALUES);
	}

	#enter(depth: number): void {
		if (depth > this.#maxDepth) throw this.#error(`nesting deeper than ${this.#maxDepth}`);
		this.#at++;
	}

	#closes(bracket: string): boolean {
		this.#space();
		if (this.#text[this.#at] !== bracket) return false;
		this.#at++;
		return true;
	}

	#continues(bracket: string): boolean {
		if (this.#closes(bracket)) return false;
		if (this.#text[this.#at] !== ",") throw this.#error(`expected a comma or ${bracket}`);
		this.#at++;
		return true;
	}

	/** Found by a native search, not by a pattern: a pattern's stack grows with the string. */
	#string(): string {
		const start = this.#at;
		let end = this.#text.indexOf('"', start + 1);
		if (end !== -1 && this.#text[end - 1] === "\\") end = this.#closingQuote(start + 1);
		if (end === -1) throw this.#error("unterminated string");
		this.#at = end + 1;
		try {
			return JSON.parse(this.#text.slice(start, end + 1)) as string;
		} catch {
			throw new JsonSyntaxError("malformed string", start);
		}
	}

	/** Character by character: a search for each quote would cost many times that where every other character is one. */
	#closingQuote(from: number): number {
		const text = this.#text;
		for (let at = from; at < text.length; at++) {
			const unit = text.charCodeAt(at);
			if (unit === 0x22) return at;
			if (unit === 0x5c) at++;
		}
		return -1;
	}

	#number(): JsonNumber {
		const text = this.#match(NUMBER);
		if (text === null)
			throw this.#error(this.#at < this.#text.length ? "unexpected character" : "unexpected end");
		return new JsonNumber(text);
	}

	#word<T extends boolean | null>(word: string, value: T): T {
		if (!this.#text.startsWith(word, this.#at)) throw this.#error("unexpected character");
		this.#at += word.length;
		return value;
	}

	#match(pattern: RegExp): string | null {
		pattern.lastIndex = this.#at;
		const found = pattern.exec(this.#text);
		if (found === null) return null;
		this.#at = pattern.lastIndex;
		return found[0];
	}

	#space(): void {
		while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
	}

	#error(message: string): JsonSyntaxError {
		return new JsonSyntaxError(message, this.#at);
	}
}

/** Compact JSON text; numbers as they were spelled. */
export function writeJson(value: JsonValue): string {
	if (value === null || typeof value === "boolean") return String(value);
	if (typeof value === "string") return JSON.stringify(value);
	if (value instanceof JsonNumber) return value.text;
	if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
	return `{${[...value].map(([key, item]) => `${JSON.stringify(key)}:${writeJson(item)}`).join(",")}}`;
}
