// Owns which places of a chat reply matter, by key and surroundings, and the way to the present one. Sees no bytes but
// those of keys.
import type { ByteRange } from "../../json/scan.js";

/**
 * A value that the scanner knows by its place. `ROOT` to `META` are containers whose keys (or elements) are looked at;
 * the others are captured as byte ranges or cut out.
 */
export const Place = {
	OTHER: 0,
	ROOT: 1,
	CHOICES: 2,
	CHOICE: 3,
	META: 4,
	ID: 5,
	MESSAGE: 6,
	FINISH_REASON: 7,
	COMPLETION_TOKENS: 8,
	LOGPROBS: 9,
	ROUTED_EXPERTS: 11,
	INDEXER_TOPK: 12,
	PROMPT_TOKEN_IDS: 13,
	PROMPT_TOKENS: 14,
	SAMPLING_MASK: 15,
	SAMPLING_LOGPROBS: 16,
	SAMPLING_MASK_LENGTH: 17,
} as const;
export type Place = (typeof Place)[keyof typeof Place];

const CHILDREN: { readonly [parent: number]: ReadonlyMap<string, Place> } = {
	[Place.ROOT]: new Map<string, Place>([
		["choices", Place.CHOICES],
		["id", Place.ID],
	]),
	[Place.CHOICE]: new Map<string, Place>([
		["meta_info", Place.META],
		["message", Place.MESSAGE],
		["finish_reason", Place.FINISH_REASON],
		["prompt_token_ids", Place.PROMPT_TOKEN_IDS],
	]),
	[Place.META]: new Map<string, Place>([
		["prompt_tokens", Place.PROMPT_TOKENS],
		["completion_tokens", Place.COMPLETION_TOKENS],
		["output_token_logprobs", Place.LOGPROBS],
		["routed_experts", Place.ROUTED_EXPERTS],
		["indexer_topk", Place.INDEXER_TOPK],
		["output_token_sampling_mask", Place.SAMPLING_MASK],
		["output_token_sampling_logprobs", Place.SAMPLING_LOGPROBS],
		["output_token_sampling_mask_length", Place.SAMPLING_MASK_LENGTH],
	]),
};

function hasKnownKeys(place: Place): boolean {
	return place === Place.ROOT || place === Place.CHOICE || place === Place.META;
}

function placeOfKey(parent: Place, rawKey: string): Place {
	const key = rawKey.includes("\\") ? (JSON.parse(`"${rawKey}"`) as string) : rawKey;
	return CHILDREN[parent]?.get(key) ?? Place.OTHER;
}

/** The place that a container really opens: one of the wrong kind (`choices` as an object) is like any other. */
function placeOfContainer(place: Place, isArray: boolean): Place {
	if (place === Place.CHOICES) return isArray ? place : Place.OTHER;
	return hasKnownKeys(place) && !isArray ? place : Place.OTHER;
}

/** No known key is longer than this when every character of it is spelled as an escape. */
const LONGEST_RAW_KEY = 6 * "output_token_sampling_mask_length".length;

/** The open containers of a document that is being walked, and what was found at known places. */
export class PlaceStack {
	/** Open containers. */
	depth = 0;
	/** Index of the choice that is or was walked last; -1 before the first. */
	choice = -1;
	/** Values of the root and of choice 0. */
	readonly ranges = new Map<Place, ByteRange>();
	/** A known key stood twice in one object. */
	hasDuplicateKey = false;
	// By depth: whether the container is a list, its place, and place and start of the value walked in it.
	readonly #isArray: boolean[] = [];
	readonly #containerPlace: Place[] = [];
	readonly #valuePlace: Place[] = [Place.ROOT];
	readonly #valueStart: number[] = [0];
	/** Bit per place, by the place of the container it was seen in. */
	readonly #seen: number[] = [0, 0, 0, 0, 0];

	get inArray(): boolean {
		return this.#isArray[this.depth] === true;
	}

	/** Whether the next value stands at no known place. */
	get isPlain(): boolean {
		return this.#valuePlace[this.depth] === Place.OTHER;
	}

	/** Whether the next key must be told to `endKey`. */
	get wantsKey(): boolean {
		return hasKnownKeys(this.#containerPlace[this.depth] as Place);
	}

	/** A value begins at this offset; returns its place. */
	beginValue(offset: number): Place {
		const place = this.#valuePlace[this.depth] as Place;
		if (place === Place.OTHER) return place;
		if (place === Place.CHOICE) this.choice++;
		this.#valueStart[this.depth] = offset;
		return place;
	}

	/** The value that began last on this depth ends before this offset. */
	endValue(offset: number): void {
		const place = this.#valuePlace[this.depth] as Place;
		if (place === Place.OTHER || (this.choice > 0 && this.depth > 1)) return;
		this.ranges.set(place, { start: this.#valueStart[this.depth] as number, end: offset });
	}

	/** The value of this place is a container and opens. */
	open(place: Place, isArray: boolean): void {
		const opened = placeOfContainer(place, isArray);
		this.depth++;
		this.#isArray[this.depth] = isArray;
		this.#containerPlace[this.depth] = opened;
		this.#valuePlace[this.depth] = opened === Place.CHOICES ? Place.CHOICE : Place.OTHER;
		if (opened !== Place.OTHER) this.#seen[opened] = 0;
	}

	/** @param key the key's bytes between its quotes, as they are spelled */
	endKey(key: Buffer): void {
		const container = this.#containerPlace[this.depth] as Place;
		const known = key.length <= LONGEST_RAW_KEY;
		const place = known ? placeOfKey(container, key.toString("latin1")) : Place.OTHER;
		this.#valuePlace[this.depth] = place;
		if (place === Place.OTHER) return;
		const bit = 1 << place;
		const seen = this.#seen[container] as number;
		if ((seen & bit) !== 0) this.hasDuplicateKey = true;
		this.#seen[container] = seen | bit;
	}
}
