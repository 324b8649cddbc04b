// Which ids part a conversation into segments, from a family's facts and a tokenizer's special tokens. Resolved once.
import { readFileSync } from "node:fs";
import type { Checkpoint } from "./checkpoint.js";
import type { Encoder } from "./encoder.js";
import type { Family } from "./family.js";
import type { Segmentation } from "./mismatch.js";

export async function resolveSegmentation(
	family: Family,
	encoder: Encoder,
	checkpoint: Checkpoint,
): Promise<Segmentation> {
	const boundaries = new Set<number>();
	for (const text of checkpoint.specialTokens.values()) {
		const id = encoder.tokenId(text);
		if (id !== null) boundaries.add(id);
	}
	for (const id of flaggedSpecial(checkpoint)) boundaries.add(id);
	return {
		boundaries,
		trailing: new Set(await trailingIds(family, encoder)),
		assistantStart: family.assistantStart ?? null,
	};
}

/** What may or may not stand at the end of a sequence is what happens at the boundary between two turns. */
async function trailingIds({ boundary }: Family, encoder: Encoder): Promise<number[]> {
	if (boundary.kind === "newline") return [...(await encoder.encode("\n"))];
	if (boundary.kind === "none") return [];
	return boundary.tokens.flatMap((token) => encoder.tokenId(token) ?? []);
}

/** Added tokens flagged special, in tokenizer.json or in tokenizer_config.json's `added_tokens_decoder`. */
function flaggedSpecial({ tokenizerFile, flaggedSpecialIds }: Checkpoint): number[] {
	// The platform's own parser: the file has megabytes, and only small integers are read from it.
	const tokenizer = JSON.parse(readFileSync(tokenizerFile, "utf8")) as { added_tokens?: unknown };
	const added = Array.isArray(tokenizer.added_tokens) ? (tokenizer.added_tokens as AddedToken[]) : [];
	const ids = added.flatMap(({ id, special }) => (special === true && typeof id === "number" ? id : []));
	return [...ids, ...flaggedSpecialIds];
}

interface AddedToken {
	id?: unknown;
	special?: unknown;
}
