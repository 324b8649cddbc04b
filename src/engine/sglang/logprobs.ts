// Owns the reading of `output_token_logprobs` from its bytes straight into typed arrays. Builds no object per entry.
import { isDigit } from "../../json/characters.js";
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

/** Filled by each call from its beginning: what it returns are copies. */
let ids = new Int32Array(4096);
let logprobs = new Float64Array(4096);

/**
 * Reads `[[logprob, id, ...], ...]`. Further elements of an entry (the token's text) are ignored.
 * @param bytes one value that is known to be strict JSON, nothing around it
 * @throws RollpinError `upstream_invalid` unless it is a list of lists of a finite number, an integer in
 *   0..vocabSize-1, and anything
 */
export function parseLogprobs(bytes: Buffer, vocabSize: number): TokenLogprobs {
	if (bytes[0] !== OPEN_BRACKET) invalid("is not a list");
	// One string, of which the numbers are parts: a call for each number would cost more than reading it.
	const text = bytes.toString("latin1");
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
		const firstEnd = numberEnd(bytes, first);
		const logprob = firstEnd === first ? Number.NaN : Number(text.slice(first, firstEnd));
		if (!Number.isFinite(logprob)) invalid(`has a logprob that is not a finite number at ${count}`);
		logprobs[count] = logprob;
		at = skipSpace(bytes, firstEnd);
		if (bytes[at] !== COMMA) invalid(`has an entry shorter than two at ${count}`);
		const second = skipSpace(bytes, at + 1);
		let id = 0;
		for (at = second; isDigit(bytes[at]); at++) id = id * 10 + (bytes[at] as number) - 0x30;
		// A sign or a string before it, a fraction or an exponent after it.
		if (at === second || numberEnd(bytes, at) !== at)
			invalid(`has a token id that is not an integer at ${count}`);
		if (id >= vocabSize) invalid(`has a token id outside the vocabulary (0..${vocabSize - 1}) at ${count}`);
		ids[count] = id;
		at = skipSpace(bytes, at);
		while (bytes[at] !== CLOSE_BRACKET) {
			at = skipSpace(bytes, skipValue(bytes, skipSpace(bytes, at + 1), 0, 64));
		}
		count++;
		at = skipSpace(bytes, at + 1);
	}
	return { ids: ids.slice(0, count), logprobs: logprobs.slice(0, count) };
}

/** End of the number at `at`; `at` when none is there. */
function numberEnd(bytes: Buffer, at: number): number {
	let end = at;
	for (;;) {
		const byte = bytes[end];
		// 0-9 - + . e E
		if (!isDigit(byte) && byte !== 0x2e && byte !== 0x2d && byte !== 0x65 && byte !== 0x2b && byte !== 0x45)
			return end;
		end++;
	}
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
	to.set(from);
	return to;
}

function invalid(what: string): never {
	throw invalidReply(`output_token_logprobs ${what}`);
}
