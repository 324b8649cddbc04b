// A session's meta as it is stored: small JSON text, and the client's two texts as they are. Pure.
import type { Obligation, SessionMeta, TurnHeader } from "../store.js";
import type { SessionImage, SessionRecord } from "./image.js";

export function recordOf(meta: SessionMeta, owed: ReadonlyMap<string, Obligation>): SessionRecord {
	const { metadataJson, overridesJson, ...rest } = meta;
	return recordFrom(rest, metadataJson, overridesJson, owed);
}

export function recordFrom(
	rest: Omit<SessionMeta, "metadataJson" | "overridesJson">,
	metadataJson: string | null,
	overridesJson: string | null,
	owed: ReadonlyMap<string, Obligation>,
): SessionRecord {
	const { createdAt, expiresAt, lastUsedAt } = rest;
	return {
		metaText: JSON.stringify(rest),
		createdAt,
		expiresAt,
		lastUsedAt,
		metadataJson,
		overridesJson,
		owed,
	};
}

/** A meta of the caller's own. */
export function metaOf({ metaText, metadataJson, overridesJson }: SessionRecord): SessionMeta {
	return { ...(JSON.parse(metaText) as SessionMeta), metadataJson, overridesJson };
}

/** Headers of the caller's own, in id order. */
export function headersOf(image: SessionImage): TurnHeader[] {
	const headers: TurnHeader[] = [];
	for (const [, { headerText }] of image.turns()) headers.push(JSON.parse(headerText) as TurnHeader);
	return headers.sort((left, right) => left.id - right.id);
}
