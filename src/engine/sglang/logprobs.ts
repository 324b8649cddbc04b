// Owns the reading of `output_token_logprobs` from its bytes straight into typed arrays. Builds no object per entry.
import { skipSpace, skipValue } from "../../json/skip.js";
import { invalidReply } from "../invalid-reply.js";

interface TokenLogprobs {
	ids: Int32Array;
	/** The sign of zero is kept. */
	logprobs: Float64Array;
}

const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/**
 * Reads `[[logprob, id, ...], ...]`. Further elements of an entry (the token's text) are ignored.
 * @param bytes one value that is known to be strict JSON, nothing around it
 * @throws RollpinError `upstream_invalid` unless it is a list of lists of a finite number, an integer in
 *   0..vocabSize-1, and anything
 */
export function parseLogprobs(bytes: Buffer, vocabSize: number): TokenLogprobs {
	if (bytes[0] !== OPEN_BRACKET) invalid("is not a list");
	let ids = new Int32Array(1024);
	let logprobs = new Float64Array(1024);
	let count = 0;
	let at = skipSpace(bytes, 1);
	while (bytes[at] !== CLOSE_BRACKET) {
		if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
		if (count === ids.length) {
			ids = grown(ids, new Int32Array(count * 2));
			logprobs = grown(logprobs, new Float64Array(count * 2));
		}
		if (bytes[at] !== OPEN_BRACKET) invalid(`has an entry that is not a list at ${count}`);
		const first = skipSpace(bytes, at + 1);
		if (bytes[first] === CLOSE_BRACKET) invalid(`has an entry shorter than two at ${count}`);
		const firstEnd = skipValue(bytes, first, 0, 64);
		logprobs[count] = finiteNumber(bytes, first, firstEnd, count);
		at = skipSpace(bytes, firstEnd);
		if (bytes[at] !== COMMA) invalid(`has an entry shorter than two at ${count}`);
		const second = skipSpace(bytes, at + 1);
		at = skipValue(bytes, second, 0, 64);
		ids[count] = tokenId(bytes, second, at, vocabSize, count);
		at = skipSpace(bytes, at);
		while (bytes[at] !== CLOSE_BRACKET) {
			at = skipSpace(bytes, skipValue(bytes, skipSpace(bytes, at + 1), 0, 64));
		}
		count++;
		at = skipSpace(bytes, at + 1);
	}
	return { ids: ids.slice(0, count), logprobs: logprobs.slice(0, count) };
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
	to.set(from);
	return to;
}

function finiteNumber(bytes: Buffer, start: number, end: number, index: number): number {
	const byte = bytes[start] as number;
	const value =
		byte === 0x2d || (byte >= 0x30 && byte <= 0x39)
			? Number(bytes.toString("latin1", start, end))
			: Number.NaN;
	if (!Number.isFinite(value)) invalid(`has a logprob that is not a finite number at ${index}`);
	return value;
}

function tokenId(bytes: Buffer, start: number, end: number, vocabSize: number, index: number): number {
	let id = 0;
	for (let at = start; at < end; at++) {
		const digit = (bytes[at] as number) - 0x30;
		if (digit < 0 || digit > 9) invalid(`has a token id that is not an integer at ${index}`);
		id = id * 10 + digit;
	}
	if (id >= vocabSize) invalid(`has a token id outside the vocabulary (0..${vocabSize - 1}) at ${index}`);
	return id;
}

function invalid(what: string): never {
	throw invalidReply(`output_token_logprobs ${what}`);
}
