// How stored tokens continue: which id goes, which come. Resolved to ids once; a lookup per turn.
import { ConfigError } from "../base/errors.js";
import type { Encoder } from "./encoder.js";
import type { Family } from "./family.js";

export interface Join {
	trimCount: 0 | 1;
	insert: readonly number[];
}

const AS_IS: Join = { trimCount: 0, insert: [] };
const DROP: Join = { trimCount: 1, insert: [] };

/** @throws ConfigError when the checkpoint lacks a token the family needs, or spells a newline with several */
export async function resolveBoundary(
	family: Family,
	encoder: Encoder,
): Promise<(lastTokenId: number | undefined) => Join> {
	const { boundary } = family;
	if (boundary.kind === "none") return () => AS_IS;
	const tokens = boundary.kind === "newline" ? [boundary.after] : boundary.tokens;
	const ids = new Set(tokens.map((token) => requiredTokenId(token, family, encoder)));
	const join = boundary.kind === "newline" ? await newlineJoin(family, encoder) : DROP;
	return (lastTokenId) => (lastTokenId !== undefined && ids.has(lastTokenId) ? join : AS_IS);
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
