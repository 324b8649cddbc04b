// The spelled logprobs of ids, sampled or given. Spelled once, at start: a reply only strings them together.
import { rollHash } from "./hash.js";
import { pythonFloat } from "./python-number.js";
import type { Vocabulary } from "./vocabulary.js";

/** Spellings that a reader must carry through unharmed; all are what Python writes. */
const EDGE_SPELLINGS = [
	"-0.0",
	"-1e-07",
	"-1.1920928955078125e-07",
	"-2.0",
	"-17.75",
	"-0.00011",
	"-9.99e-05",
];
const TABLE_SIZE = 1024;

const SPELLINGS: readonly string[] = Array.from({ length: TABLE_SIZE }, (_, at) => {
	const edge = at < EDGE_SPELLINGS.length ? EDGE_SPELLINGS[at] : undefined;
	// float32 values, as a GPU gives them, so that the spelling has the length of real ones.
	return edge ?? pythonFloat(Math.fround(-((at / TABLE_SIZE) ** 3) * 8 - 1e-6 * at));
});

/** Ids before a token that its logprob depends on. */
const WINDOW = 3;
const NEWLINE = 0x0a;

/**
 * Spelled logprobs of `ids[from..]`, a pure function of the seed, each id and the few before it: so a prompt that is
 * scored later gets what its ids got when they were sampled. After an id that ends a line, where an answer begins in
 * most templates, it is `-0.0`, the number that careless readers lose.
 */
export function spellLogprobs(vocabulary: Vocabulary, seed: number, ids: Int32Array, from: number): string[] {
	const spelled = new Array<string>(Math.max(0, ids.length - from));
	for (let at = from; at < ids.length; at++) {
		let lane = seed | 0;
		for (let back = Math.max(0, at - WINDOW); back <= at; back++) lane = rollHash(lane, ids[back] as number);
		const endsLine = at > 0 && vocabulary.bytesOf(ids[at - 1] as number).at(-1) === NEWLINE;
		spelled[at - from] = endsLine ? "-0.0" : (SPELLINGS[lane & (TABLE_SIZE - 1)] as string);
	}
	return spelled;
}
