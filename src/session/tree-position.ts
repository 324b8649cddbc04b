// Where a request attaches in tree mode: the deepest turn whose whole path is a prefix of it. Pure.
import type { TurnId } from "../base/ids.js";

export interface TreeMatch {
	turn: TurnId;
	/** Messages of the request that its path covers. */
	matched: number;
}

/**
 * A turn is entered only after its parent's messages are used up; a turn that matches in part rules out everything
 * below it. Of two equally deep turns the later one wins (reference section 9.2).
 * @param children turns by parent, in id order; roots under null
 * @param consume number of the request's messages from `offset` on that the turn's own messages cover, or null
 */
export function deepestMatch(
	children: ReadonlyMap<TurnId | null, readonly TurnId[]>,
	consume: (turn: TurnId, offset: number) => number | null,
): TreeMatch | null {
	let best: TreeMatch | null = null;
	const open: Array<{ turn: TurnId; offset: number }> = (children.get(null) ?? []).map((turn) => ({
		turn,
		offset: 0,
	}));
	for (let next = open.pop(); next !== undefined; next = open.pop()) {
		const used = consume(next.turn, next.offset);
		if (used === null) continue;
		const matched = next.offset + used;
		if (best === null || matched > best.matched || (matched === best.matched && next.turn > best.turn)) {
			best = { turn: next.turn, matched };
		}
		for (const child of children.get(next.turn) ?? []) open.push({ turn: child, offset: matched });
	}
	return best;
}
