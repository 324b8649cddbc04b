// How stored tokens continue: which id is dropped, which are added. Resolved to ids once; a lookup per turn.
import { ConfigError } from "../base/errors.js";
import type { Encoder } from "./encoder.js";
import type { Family } from "./family.js";

export interface Join {
	trimCount: 0 | 1;
	insert: readonly number[];
	/** The stored end was no end of a turn (a stop string): `insert` begins with what closes it. */
	closes?: true;
}

/**
 * How stored tokens continue.
 * @param finishReason of the generation that ended in that id; only one that ended by itself is closed, a cut one is not
 */
export type JoinBoundary = (lastTokenId: number | undefined, finishReason?: string | null) => Join;

const AS_IS: Join = { trimCount: 0, insert: [] };
const DROP: Join = { trimCount: 1, insert: [] };

/** What a checkpoint's template puts after an answer: its end-of-sequence token, and what follows that. */
export interface AnswerEnd {
	id: number;
	following: readonly number[];
}

/** How a generation ends that the model, or a stop string, ended. */
const ENDED = new Set<string | null | undefined>(["stop", "tool_calls"]);

/**
 * @param found how the checkpoint's template ends an answer, for a family that does not say
 * @throws ConfigError when the checkpoint lacks a token the family needs, or spells a newline with several
 */
export async function resolveBoundary(
	family: Family,
	encoder: Encoder,
	found: AnswerEnd | null = null,
): Promise<JoinBoundary> {
	const { boundary } = family;
	const tokens =
		boundary.kind === "newline" ? [boundary.after] : boundary.kind === "drop" ? boundary.tokens : [];
	const ids = new Set(tokens.map((token) => requiredTokenId(token, family, encoder)));
	const join =
		boundary.kind === "newline"
			? await newlineJoin(family, encoder)
			: boundary.kind === "drop"
				? DROP
				: AS_IS;
	const ends = closingIds(family, encoder) ?? (found === null ? [] : [found.id]);
	const end = ends.at(-1);
	const following =
		boundary.kind === "newline"
			? join.insert
			: family.endOfTurn === undefined
				? (found?.following ?? [])
				: [];
	return (last, finishReason) => {
		if (last !== undefined && ids.has(last)) return join;
		if (last === undefined || end === undefined || last === end || !ENDED.has(finishReason)) return AS_IS;
		const missing = last === ends.at(-2) ? [end] : ends;
		return { trimCount: 0, insert: [...missing, ...following], closes: true };
	};
}

/** What closes an answer that a stop string cut; nothing where the next message's own token does; null: not said. */
function closingIds(family: Family, encoder: Encoder): number[] | null {
	const { boundary, endOfTurn } = family;
	if (boundary.kind === "drop") return [];
	if (boundary.kind === "newline") return [requiredTokenId(boundary.after, family, encoder)];
	return endOfTurn?.map((token) => requiredTokenId(token, family, encoder)) ?? null;
}

/** @throws ConfigError when the checkpoint lacks it */
export function requiredTokenId(token: string, family: Family, encoder: Encoder): number {
	const id = encoder.tokenId(token);
	if (id !== null) return id;
	throw new ConfigError(
		`--tito-model ${family.name} needs the token ${token}, which the checkpoint's tokenizer lacks; choose the model's own family, or default`,
	);
}

async function newlineJoin(family: Family, encoder: Encoder): Promise<Join> {
	const insert = [...(await encoder.encode("\n"))];
	if (insert.length === 1) return { trimCount: 0, insert };
	throw new ConfigError(
		`--tito-model ${family.name} needs a newline that is one token, the checkpoint's tokenizer makes ${insert.length}; choose the model's own family, or default`,
	);
}
