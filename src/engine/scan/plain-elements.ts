// Skips whole elements of a list in one go: most of a reply's bytes are such (`output_token_logprobs`,
// `logprobs.content`), and none of them is taken out or looked up. Pure.
import { JsonSyntaxError } from "../../json/parse.js";
import { skipValue } from "../../json/skip.js";

const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;

/**
 * Offset after the last of the comma-separated lists and objects from `at` on that are whole in `bytes`, and strict JSON; `at`
 * when the first is not. What is wrong, not whole, or has space before it is left to the reading byte by byte. UTF-8 is not
 * looked at.
 * @param depth containers open around them
 */
export function skipElements(bytes: Buffer, at: number, depth: number, maxDepth: number): number {
	let done = at;
	for (let from = at; bytes[from] === OPEN_BRACKET || bytes[from] === OPEN_BRACE; from = done + 1) {
		try {
			done = skipValue(bytes, from, depth, maxDepth);
		} catch (error) {
			if (error instanceof JsonSyntaxError) return done;
			throw error;
		}
		if (bytes[done] !== COMMA) return done;
	}
	return done;
}
