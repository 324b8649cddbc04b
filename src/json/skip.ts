// Owns walking over one strict RFC 8259 value in a buffer by offsets. Builds no value; UTF-8 is the caller's to check.
import { isDigit, isHexDigit, isSimpleEscape, isSpace } from "./characters.js";
import { JsonSyntaxError, TOO_MANY_VALUES, type ValueBudget } from "./parse.js";
import { plainStringEnd } from "./string-bytes.js";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Offset of the first byte at or after `at` that is not JSON white space. */
export function skipSpace(bytes: Buffer, at: number): number {
	let next = at;
	for (;;) {
		const byte = bytes[next];
		if (!isSpace(byte)) return next;
		next++;
	}
}

/** @throws JsonSyntaxError `unexpected end of JSON` at the end of the bytes, else `what` */
export function syntaxError(bytes: Buffer, what: string, at: number): never {
	if (at >= bytes.length) throw new JsonSyntaxError("unexpected end of JSON", bytes.length);
	throw new JsonSyntaxError(what, at);
}

const UNBOUNDED: ValueBudget = { values: Number.POSITIVE_INFINITY };

/**
 * End of the value whose first byte is at `at`; `depth` containers are open around it.
 * @param budget what values and keys may still be walked over
 * @throws JsonSyntaxError for anything that is not strict JSON, for nesting deeper than `maxDepth` and for more than `budget`
 */
export function skipValue(
	bytes: Buffer,
	at: number,
	depth: number,
	maxDepth: number,
	budget: ValueBudget = UNBOUNDED,
): number {
	if (--budget.values < 0) throw new JsonSyntaxError(TOO_MANY_VALUES, at);
	const byte = bytes[at];
	if (byte === QUOTE) return skipString(bytes, at);
	if (byte === 0x7b) return skipMembers(bytes, at, depth, maxDepth, budget);
	if (byte === 0x5b) return skipItems(bytes, at, depth, maxDepth, budget);
	return skipScalar(bytes, at, byte);
}

/** End of the number, `true`, `false` or `null` at `at`. @throws JsonSyntaxError, also for what begins like no value at all */
export function skipScalar(bytes: Buffer, at: number, byte: number | undefined): number {
	if (byte === 0x74) return skipLiteral(bytes, at, "true");
	if (byte === 0x66) return skipLiteral(bytes, at, "false");
	if (byte === 0x6e) return skipLiteral(bytes, at, "null");
	return skipNumber(bytes, at);
}

/** End (after the closing quote) of the string whose opening quote is at `at`. */
function skipString(bytes: Buffer, at: number): number {
	if (bytes[at] !== QUOTE) syntaxError(bytes, "expected a string", at);
	let next = at + 1;
	for (;;) {
		next = plainStringEnd(bytes, next, bytes.length);
		const byte = bytes[next];
		if (byte === QUOTE) return next + 1;
		next = escapeEnd(bytes, next);
	}
}

/** End of the escape at `at`, where a string's first byte stands that is neither plain nor its end. @throws JsonSyntaxError */
export function escapeEnd(bytes: Buffer, at: number): number {
	if (bytes[at] !== BACKSLASH) syntaxError(bytes, "control character in a string", at);
	const escaped = bytes[at + 1];
	if (escaped === 0x75) {
		for (let digit = at + 2; digit < at + 6; digit++) {
			if (!isHexDigit(bytes[digit])) syntaxError(bytes, "bad escape in the string", digit);
		}
		return at + 6;
	}
	if (escaped !== undefined && isSimpleEscape(escaped)) return at + 2;
	return syntaxError(bytes, "bad escape in the string", at + 1);
}

/** The string whose quotes stand at `start` and `end - 1`, unescaped. */
export function decodeString(bytes: Buffer, start: number, end: number): string {
	const raw = bytes.toString("utf8", start + 1, end - 1);
	return raw.includes("\\") ? (JSON.parse(`"${raw}"`) as string) : raw;
}

function skipLiteral(bytes: Buffer, at: number, text: string): number {
	for (let index = 0; index < text.length; index++) {
		if (bytes[at + index] !== text.charCodeAt(index)) syntaxError(bytes, "unknown literal", at + index);
	}
	return at + text.length;
}

function skipNumber(bytes: Buffer, at: number): number {
	let next = bytes[at] === 0x2d ? at + 1 : at;
	if (!isDigit(bytes[next])) syntaxError(bytes, "unexpected character", next);
	next = bytes[next] === 0x30 ? next + 1 : skipDigits(bytes, next);
	if (bytes[next] === 0x2e) next = skipDigits(bytes, next + 1);
	const exponent = bytes[next];
	if (exponent === 0x65 || exponent === 0x45) {
		next++;
		if (bytes[next] === 0x2b || bytes[next] === 0x2d) next++;
		next = skipDigits(bytes, next);
	}
	return next;
}

/** No number that means anything has more digits, and whoever reads it would take long for each. */
const MAX_DIGITS = 4_096;

function skipDigits(bytes: Buffer, at: number): number {
	if (!isDigit(bytes[at])) syntaxError(bytes, "malformed number", at);
	let next = at + 1;
	while (isDigit(bytes[next])) {
		next++;
		if (next - at > MAX_DIGITS) syntaxError(bytes, `a number of more than ${MAX_DIGITS} digits`, at);
	}
	return next;
}

function skipItems(bytes: Buffer, at: number, depth: number, maxDepth: number, budget: ValueBudget): number {
	if (depth >= maxDepth) syntaxError(bytes, `nesting deeper than ${maxDepth}`, at);
	let next = skipSpace(bytes, at + 1);
	if (bytes[next] === 0x5d) return next + 1;
	for (;;) {
		next = skipSpace(bytes, skipValue(bytes, next, depth + 1, maxDepth, budget));
		if (bytes[next] === 0x5d) return next + 1;
		if (bytes[next] !== 0x2c) syntaxError(bytes, "expected , or ]", next);
		next = skipSpace(bytes, next + 1);
	}
}

function skipMembers(
	bytes: Buffer,
	at: number,
	depth: number,
	maxDepth: number,
	budget: ValueBudget,
): number {
	if (depth >= maxDepth) syntaxError(bytes, `nesting deeper than ${maxDepth}`, at);
	let next = skipSpace(bytes, at + 1);
	if (bytes[next] === 0x7d) return next + 1;
	for (;;) {
		budget.values--;
		next = skipSpace(bytes, skipString(bytes, next));
		if (bytes[next] !== 0x3a) syntaxError(bytes, "expected :", next);
		next = skipSpace(bytes, skipValue(bytes, skipSpace(bytes, next + 1), depth + 1, maxDepth, budget));
		if (bytes[next] === 0x7d) return next + 1;
		if (bytes[next] !== 0x2c) syntaxError(bytes, "expected , or }", next);
		next = skipSpace(bytes, next + 1);
	}
}
