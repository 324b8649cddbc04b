// Tells one request's tools from another's by a short hash, so that no stored request has to be read for it.
import { createHash } from "node:crypto";
import { BoundedCache } from "../base/bounded-cache.js";
import { writeJson } from "../json/parse.js";
import type { JsonValue } from "../json/value.js";

/** Hex digits: 64 bits, far from chance for the few lists of tools that one session sees. */
const DIGITS = 16;
/** Spellings whose hash is kept; the agents of a job have few lists of tools among them. */
const SPELLINGS = 256;

const known = new BoundedCache<string>(SPELLINGS, 64);

/**
 * Equal for equal values, whatever spaces and escapes they are spelled with; a key's place counts, as it does in a
 * prompt. Null when there are none: a template sees no difference between none and an empty list.
 * @param bytes `tools` as they stand in the body
 */
export function toolsHash(bytes: Buffer | null, tools: readonly JsonValue[] | undefined): string | null {
	if (bytes === null || tools === undefined || tools.length === 0) return null;
	// The bytes' own hash is the cheap way to know a spelling again: most requests repeat those of the one before.
	return known.getOrMake(hash(bytes), () => hash(writeJson([...tools])));
}

function hash(content: Buffer | string): string {
	return createHash("sha256").update(content).digest("hex").slice(0, DIGITS);
}
