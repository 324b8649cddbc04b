// Which paths of a session become samples, taken at one moment without any lock. Pure.
import type { TurnId } from "../base/ids.js";
import type { ForestNode, PathNode } from "../samples/leaves.js";
import { pathTo } from "../session/path/path-state.js";
import type { SessionMeta, TurnHeader } from "../store/store.js";

export interface LeafPath {
	nodeId: number;
	parent: number | null;
	provisional: boolean;
	/** Root first; ends with the leaf. */
	turns: TurnHeader[];
	path: PathNode[];
	/** The committed turn whose sequence the sample's metadata tells; null when there is none. */
	committed: TurnId | null;
}

export interface SamplesPlan {
	/** Committed turns of the active path. */
	active: TurnHeader[];
	provisional: TurnHeader | null;
	/** Tree mode; in commit order, a provisional one last. */
	leaves: LeafPath[];
	forest: ForestNode[];
}

/** @param appendedOf tells what a turn's request appended; asked only of turns with siblings */
export function planSamples(
	meta: SessionMeta,
	headers: ReadonlyMap<TurnId, TurnHeader>,
	appendedOf: (turn: TurnId) => string,
): SamplesPlan {
	const provisional = (meta.provisional === null ? undefined : headers.get(meta.provisional)) ?? null;
	const committed = [...headers.values()]
		.filter((header) => header.status === "committed")
		.sort((a, b) => a.id - b.id);
	// As in metadata.tree: positions among the committed turns. A provisional one has the next position.
	const position = new Map(committed.map((header, index) => [header.id, index]));
	if (provisional !== null) position.set(provisional.id, committed.length);
	const placeOf = (turn: TurnId | null) => (turn === null ? null : (position.get(turn) ?? null));
	const parents = new Set(committed.map((header) => header.parent));
	// What a provisional turn continues is part of its path, not a leaf beside it.
	if (provisional !== null) parents.add(provisional.parent);
	const siblings = parentsOfSeveral(committed);
	const ends = committed.filter((header) => !parents.has(header.id));
	if (provisional !== null) ends.push(provisional);
	return {
		active: pathTo(headers, meta.head),
		provisional,
		leaves: ends.map((header): LeafPath => {
			const turns = pathTo(headers, header.id);
			const isProvisional = header === provisional;
			return {
				nodeId: placeOf(header.id) ?? 0,
				parent: placeOf(header.parent),
				provisional: isProvisional,
				turns,
				path: turns.map((turn) => ({
					id: placeOf(turn.id) ?? 0,
					completionStart: turn.tokenCount - turn.completionLength,
					completionEnd: turn.tokenCount,
				})),
				committed: isProvisional ? header.parent : header.id,
			};
		}),
		forest: committed.map((header) => ({
			id: placeOf(header.id) ?? 0,
			parent: placeOf(header.parent),
			...(siblings.has(header.parent) ? { appended: appendedOf(header.id) } : {}),
		})),
	};
}

/** Turns that several committed ones continue; roots are no siblings. */
function parentsOfSeveral(committed: readonly TurnHeader[]): Set<TurnId | null> {
	const once = new Set<TurnId>();
	const several = new Set<TurnId | null>();
	for (const { parent } of committed) {
		if (parent === null) continue;
		if (once.has(parent)) several.add(parent);
		once.add(parent);
	}
	return several;
}
