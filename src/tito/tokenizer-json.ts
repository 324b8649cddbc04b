// Parses tokenizer.json, once for all who look into it: it has megabytes. Says nothing of what it means.
import { readFileSync } from "node:fs";

export interface TokenizerJson {
	/** The whole file, as the platform's own parser reads it. */
	file: unknown;
	added: readonly AddedTokenJson[];
}

interface AddedTokenJson {
	id?: unknown;
	special?: unknown;
	content?: unknown;
}

/** @throws SyntaxError for a file that the library would not load either */
export function readTokenizerJson(path: string): TokenizerJson {
	const file: unknown = JSON.parse(readFileSync(path, "utf8"));
	const added = (file as { added_tokens?: unknown } | null)?.added_tokens;
	return { file, added: Array.isArray(added) ? (added as AddedTokenJson[]) : [] };
}
