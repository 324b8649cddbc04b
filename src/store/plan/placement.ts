// Where the parts of a new turn go: keys of LMDB, the session's pack, or a file of the turn's own. Pure.
import type { PartName } from "../store.js";

export type Place = "key" | "pack" | "file";

/**
 * Payloads longer than this have the turn's own file, which can be cut or removed when they are given up. Shorter than a
 * page run, LMDB does as well.
 */
const PAYLOAD_BYTES = 16 * 1024;
/** Any other part longer than this has the turn's own file too: what is dropped from a pack stays in it. */
const PACKED_PART_BYTES = 1024 * 1024;
/**
 * From this size on, the rest of a turn goes to the session's pack. LMDB's pages count in the RSS of the process that
 * touched them, and so do their neighbours; below, the pack's flush would cost more than the pages.
 */
const PACKED_TURN_BYTES = 8 * 1024;

/** @param lengths bytes that each part stores itself */
export function placesOf(lengths: ReadonlyMap<PartName, number>): Map<PartName, Place> {
	const places = new Map<PartName, Place>();
	let rest = 0;
	for (const [name, bytes] of lengths) {
		const limit = name.startsWith("payload:") ? PAYLOAD_BYTES : PACKED_PART_BYTES;
		if (bytes > limit) places.set(name, "file");
		else rest += bytes;
	}
	for (const name of lengths.keys()) {
		if (!places.has(name)) places.set(name, rest > PACKED_TURN_BYTES ? "pack" : "key");
	}
	return places;
}
