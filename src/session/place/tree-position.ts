// Where a request attaches in tree mode: the deepest turn whose whole path is a prefix of it. Pure.
import type { TurnId } from "../../base/ids.js";

export interface TreeMatch {
	turn: TurnId;
	/** Messages of the request that its path covers. */
	matched: number;
	/** Answers among them that are there byte for byte. */
	exact: number;
}

/** How much of the request, from some message on, a turn's own messages cover. */
export interface Consumed {
	/** How many messages they are. */
	count: number;
	/** Whether the turn's answer is there byte for byte. */
	exact: boolean;
}

/**
 * A turn is entered only after its parent's messages are used up; a turn that matches in part rules out everything
 * below it. Of equally deep turns the one with more answers as they came wins (two answers may be one but for spelling, or
 * but for a reasoning that the client dropped), then the later one.
 * @param children turns by parent, in id order; roots under null
 * @param consume what of the request's messages from `offset` on the turn's own messages cover, or null
 */
export function deepestMatch(
	children: ReadonlyMap<TurnId | null, readonly TurnId[]>,
	consume: (turn: TurnId, offset: number) => Consumed | null,
): TreeMatch | null {
	let best: TreeMatch | null = null;
	const open: TreeMatch[] = (children.get(null) ?? []).map((turn) => ({ turn, matched: 0, exact: 0 }));
	for (let next = open.pop(); next !== undefined; next = open.pop()) {
		const used = consume(next.turn, next.matched);
		if (used === null) continue;
		const found: TreeMatch = {
			turn: next.turn,
			matched: next.matched + used.count,
			exact: next.exact + (used.exact ? 1 : 0),
		};
		if (best === null || isBetter(found, best)) best = found;
		for (const child of children.get(next.turn) ?? []) {
			open.push({ turn: child, matched: found.matched, exact: found.exact });
		}
	}
	return best;
}

function isBetter(found: TreeMatch, best: TreeMatch): boolean {
	if (found.matched !== best.matched) return found.matched > best.matched;
	return found.exact !== best.exact ? found.exact > best.exact : found.turn > best.turn;
}
