// A small n-gram model over the package's corpus in a given tokenizer's ids. Pure after construction.
import { CORPUS } from "./corpus.js";
import type { Random } from "./hash.js";
import type { Vocabulary } from "./vocabulary.js";

/** A sentence as the first of a reply, and as a later one (with a space before it). */
export interface Sentence {
	opening: readonly Int32Array[];
	following: readonly Int32Array[];
}

/** One step in this many forgets all but the last unit, so that replies differ from the corpus. */
const BACKOFF_ONE_IN = 4;

/**
 * Samples *units*: the smallest groups of ids that decode to whole characters, so that every cut between units
 * is valid UTF-8. States are corpus positions; a step picks one of the positions whose two preceding units
 * are the same.
 */
export class LanguageModel {
	/** Per corpus position: its unit's ids. */
	readonly #units: readonly Int32Array[];
	readonly #starts: Int32Array;
	readonly #bigrams: readonly Int32Array[];
	readonly #trigrams: readonly Int32Array[];
	readonly #singles: Int32Array;

	constructor(sentences: readonly Sentence[]) {
		const units: Int32Array[] = [];
		const starts: number[] = [];
		const continuations: number[] = [];
		const ends = new Map<number, number>();
		for (const [index, sentence] of sentences.entries()) {
			starts.push(units.length);
			units.push(...sentence.opening);
			continuations.push(units.length);
			units.push(...(sentences[(index + 1) % sentences.length] as Sentence).following);
			ends.set(units.length - 1, (index + 1) % sentences.length);
		}
		const after = (at: number): number => {
			const sentence = ends.get(at);
			return sentence === undefined ? at + 1 : (continuations[sentence] as number);
		};
		const key = (at: number): string => (units[(at + units.length) % units.length] as Int32Array).join(",");
		const byLast = new Map<string, number[]>();
		const byLastTwo = new Map<string, number[]>();
		for (let at = 0; at < units.length; at++) {
			const next = after(at);
			push(byLast, key(at), next);
			push(byLastTwo, `${key(at - 1)} ${key(at)}`, next);
		}
		this.#units = units;
		this.#starts = Int32Array.from(starts);
		const interned = new Map<number[], Int32Array>();
		const freeze = (list: number[]): Int32Array => {
			const known = interned.get(list) ?? Int32Array.from(list);
			interned.set(list, known);
			return known;
		};
		this.#bigrams = units.map((_, at) => freeze(byLast.get(key(at)) as number[]));
		this.#trigrams = units.map((_, at) => freeze(byLastTwo.get(`${key(at - 1)} ${key(at)}`) as number[]));
		this.#singles = Int32Array.from(units.keys()).filter((at) => (units[at] as Int32Array).length === 1);
	}

	/** Exactly `count` ids in whole units. */
	sample(random: Random, count: number): Int32Array {
		const ids = new Int32Array(count);
		let length = 0;
		let state = this.#starts[random.below(this.#starts.length)] as number;
		while (length < count) {
			let unit = this.#units[state] as Int32Array;
			if (length + unit.length > count) {
				state = this.#singles[random.below(this.#singles.length)] as number;
				unit = this.#units[state] as Int32Array;
			}
			for (let at = 0; at < unit.length; at++) ids[length++] = unit[at] as number;
			const bits = random.next();
			const table = bits % BACKOFF_ONE_IN === 0 ? this.#bigrams : this.#trigrams;
			const successors = table[state] as Int32Array;
			state = successors[(bits >>> 8) % successors.length] as number;
		}
		return ids;
	}
}

function push(map: Map<string, number[]>, key: string, value: number): void {
	const list = map.get(key);
	if (list) list.push(value);
	else map.set(key, [value]);
}

/** Groups ids so that every group decodes to whole characters. */
function wholeCharacterUnits(vocabulary: Vocabulary, ids: Int32Array): Int32Array[] {
	const units: Int32Array[] = [];
	let start = 0;
	for (let end = 1; end <= ids.length; end++) {
		const group = ids.subarray(start, end);
		if (vocabulary.decode(group).includes("\ufffd")) continue;
		units.push(group);
		start = end;
	}
	return units;
}

/** Learns the corpus; a few milliseconds. */
export async function createLanguageModel(vocabulary: Vocabulary): Promise<LanguageModel> {
	const sentences = await Promise.all(
		CORPUS.map(async (text): Promise<Sentence> => {
			const [opening, following] = await Promise.all([
				vocabulary.encode(text),
				vocabulary.encode(` ${text}`),
			]);
			return {
				opening: wholeCharacterUnits(vocabulary, opening),
				following: wholeCharacterUnits(vocabulary, following),
			};
		}),
	);
	return new LanguageModel(sentences);
}
