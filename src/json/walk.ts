// Walks over one strict RFC 8259 value in a buffer, and may rest at any byte. Builds no value; UTF-8 is the caller's to check.
import { isSpace } from "./characters.js";
import { JsonSyntaxError, TOO_MANY_VALUES, type ValueBudget } from "./parse.js";
import { escapeEnd, skipScalar, syntaxError } from "./skip.js";
import { plainStringEnd } from "./string-bytes.js";

const QUOTE = 0x22;
const COMMA = 0x2c;

/** What is to come next. Before all but the rest of a string there may be white space. */
type Next = "value" | "string" | "key" | "key rest" | "colon" | "first item" | "first key" | "after";

export interface WalkLimits {
	/** Containers that are open around the value. */
	depth: number;
	/** Deepest nesting of containers that is accepted. */
	maxDepth: number;
	/** Values and keys that may still be walked over. */
	budget: ValueBudget;
}

/**
 * One value from its first byte on. A client may send any number of bytes of white space, digits or escapes: whoever has others to
 * serve walks a slice at a time. Where all may be walked in one go, `skipValue` does the same in less time.
 */
export class ValueWalk {
	/** Where it stands; after the value's last byte when it is over. */
	at: number;
	readonly #bytes: Buffer;
	readonly #limits: WalkLimits;
	/** Of each container that the value has open: whether it is an object. */
	readonly #open: boolean[] = [];
	#next: Next = "value";

	constructor(bytes: Buffer, at: number, limits: WalkLimits) {
		this.at = at;
		this.#bytes = bytes;
		this.#limits = limits;
	}

	/**
	 * Goes on to the value's end, or a little beyond `until`.
	 * @returns whether the value is over
	 * @throws JsonSyntaxError as `skipValue`
	 */
	run(until: number): boolean {
		const bytes = this.#bytes;
		// At the end of the bytes there is something to say.
		const rest = until < bytes.length ? until : Number.POSITIVE_INFINITY;
		const open = this.#open;
		for (;;) {
			if (this.#next === "string" || this.#next === "key rest") {
				if (!this.#string(rest)) return false;
				this.#next = this.#next === "string" ? "after" : "colon";
			}
			if (this.#next === "after" && open.length === 0) return true;
			const at = spaceEnd(bytes, this.at, rest);
			this.at = at;
			if (at >= rest) return false;
			const byte = bytes[at];
			switch (this.#next) {
				case "first item":
					if (byte === 0x5d) this.#close();
					else this.#value(byte);
					break;
				case "value":
					this.#value(byte);
					break;
				case "first key":
					if (byte === 0x7d) this.#close();
					else this.#key(byte);
					break;
				case "key":
					this.#key(byte);
					break;
				case "colon":
					if (byte !== 0x3a) syntaxError(bytes, "expected :", at);
					this.at = at + 1;
					this.#next = "value";
					break;
				default: {
					const inObject = open[open.length - 1] === true;
					if (byte === (inObject ? 0x7d : 0x5d)) this.#close();
					else if (byte !== COMMA) syntaxError(bytes, inObject ? "expected , or }" : "expected , or ]", at);
					else {
						this.at = at + 1;
						this.#next = inObject ? "key" : "value";
					}
				}
			}
		}
	}

	#value(byte: number | undefined): void {
		const { at } = this;
		const { budget, depth, maxDepth } = this.#limits;
		if (--budget.values < 0) throw new JsonSyntaxError(TOO_MANY_VALUES, at);
		if (byte === QUOTE) {
			this.at = at + 1;
			this.#next = "string";
			return;
		}
		if (byte === 0x7b || byte === 0x5b) {
			if (depth + this.#open.length >= maxDepth)
				syntaxError(this.#bytes, `nesting deeper than ${maxDepth}`, at);
			this.#open.push(byte === 0x7b);
			this.at = at + 1;
			this.#next = byte === 0x7b ? "first key" : "first item";
			return;
		}
		this.at = skipScalar(this.#bytes, at, byte);
		this.#next = "after";
	}

	#key(byte: number | undefined): void {
		this.#limits.budget.values--;
		if (byte !== QUOTE) syntaxError(this.#bytes, "expected a string", this.at);
		this.at++;
		this.#next = "key rest";
	}

	#close(): void {
		this.#open.pop();
		this.at++;
		this.#next = "after";
	}

	/** @returns whether the closing quote came */
	#string(rest: number): boolean {
		const bytes = this.#bytes;
		const to = Math.min(rest, bytes.length);
		let { at } = this;
		for (;;) {
			if (at < rest) at = plainStringEnd(bytes, at, to);
			// An escape may reach beyond.
			if (at >= rest) {
				this.at = at;
				return false;
			}
			const byte = bytes[at];
			if (byte === QUOTE) {
				this.at = at + 1;
				return true;
			}
			at = escapeEnd(bytes, at);
		}
	}
}

/** Offset of the first byte at or after `at` that is not JSON white space; `to` when there is none before it. */
export function spaceEnd(bytes: Buffer, at: number, to: number): number {
	let next = at;
	while (next < to && isSpace(bytes[next])) next++;
	return next;
}
