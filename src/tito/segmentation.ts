// Which ids part a conversation into segments, from a family's values and a tokenizer's special tokens. Resolved once.
import { requiredTokenId } from "./boundary.js";
import type { Checkpoint } from "./checkpoint.js";
import type { Encoder } from "./encoder.js";
import type { Family } from "./family.js";
import type { Segmentation } from "./mismatch.js";
import type { TokenizerJson } from "./tokenizer-json.js";

/** @throws ConfigError when the checkpoint lacks a token that the family parts segments by */
export async function resolveSegmentation(
	family: Family,
	encoder: Encoder,
	checkpoint: Checkpoint,
	json: TokenizerJson,
): Promise<Segmentation> {
	return {
		boundaries: boundaryIds(family, encoder, checkpoint, json),
		trailing: new Set(await trailingIds(family, encoder)),
		assistantStart: family.assistantStart ?? null,
	};
}

function boundaryIds(
	family: Family,
	encoder: Encoder,
	checkpoint: Checkpoint,
	json: TokenizerJson,
): Set<number> {
	const { segmentTokens } = family;
	const ids = (tokens: readonly string[]) => tokens.map((token) => requiredTokenId(token, family, encoder));
	if (segmentTokens !== undefined && "only" in segmentTokens) return new Set(ids(segmentTokens.only));
	const named = [...checkpoint.specialTokens.values()].flatMap((token) => encoder.tokenId(token) ?? []);
	const boundaries = new Set([...named, ...flaggedSpecial(checkpoint, json)]);
	for (const id of ids(segmentTokens?.except ?? [])) boundaries.delete(id);
	return boundaries;
}

/** What may or may not stand at the end of a sequence is, unless a family says otherwise, what its boundary is about. */
async function trailingIds({ boundary, trailing }: Family, encoder: Encoder): Promise<number[]> {
	if (trailing !== undefined) return trailing.flatMap((token) => encoder.tokenId(token) ?? []);
	if (boundary.kind === "newline") return [...(await encoder.encode("\n"))];
	if (boundary.kind === "none") return [];
	return boundary.tokens.flatMap((token) => encoder.tokenId(token) ?? []);
}

/** Texts of the tokens that tokenizer.json flags special. */
export function specialTokenTexts({ added }: TokenizerJson): string[] {
	return added.flatMap(({ content, special }) =>
		special === true && typeof content === "string" ? content : [],
	);
}

/** Added tokens flagged special, in tokenizer.json or in tokenizer_config.json's `added_tokens_decoder`. */
function flaggedSpecial(checkpoint: Checkpoint, { added }: TokenizerJson): number[] {
	const ids = added.flatMap(({ id, special }) => (special === true && typeof id === "number" ? id : []));
	return [...ids, ...checkpoint.flaggedSpecialIds];
}
