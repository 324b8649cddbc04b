// Owns which places of a chat reply matter to the scanner, by key and surroundings. A table; it holds no state.

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
	WEIGHT_VERSION: 10,
	ROUTED_EXPERTS: 11,
	INDEXER_TOPK: 12,
	PROMPT_TOKEN_IDS: 13,
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
		["completion_tokens", Place.COMPLETION_TOKENS],
		["output_token_logprobs", Place.LOGPROBS],
		["weight_version", Place.WEIGHT_VERSION],
		["routed_experts", Place.ROUTED_EXPERTS],
		["indexer_topk", Place.INDEXER_TOPK],
	]),
};

/** True when keys directly inside such a container decide anything. */
export function hasKnownKeys(place: Place): boolean {
	return place === Place.ROOT || place === Place.CHOICE || place === Place.META;
}

/** @param rawKey the key's bytes between its quotes, as latin1; escapes are undone here */
export function placeOfKey(parent: Place, rawKey: string): Place {
	const key = rawKey.includes("\\") ? (JSON.parse(`"${rawKey}"`) as string) : rawKey;
	return CHILDREN[parent]?.get(key) ?? Place.OTHER;
}

/** The place that a container really opens: one of the wrong kind (`choices` as an object) is like any other. */
export function placeOfContainer(place: Place, isArray: boolean): Place {
	if (place === Place.CHOICES) return isArray ? place : Place.OTHER;
	return hasKnownKeys(place) && !isArray ? place : Place.OTHER;
}
