// The spelled logprobs of sampled ids. Spelled once, at start: a reply only strings them together.
import type { Random } from "./hash.js";
import { pythonFloat } from "./python-number.js";

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

/** Spelled logprobs, one an id; the first is `-0.0`, the number that careless readers lose. */
export function spellLogprobs(random: Random, count: number): string[] {
	const spelled = new Array<string>(count);
	for (let at = 0; at < count; at++) {
		spelled[at] = at === 0 ? "-0.0" : (SPELLINGS[random.next() & (TABLE_SIZE - 1)] as string);
	}
	return spelled;
}
