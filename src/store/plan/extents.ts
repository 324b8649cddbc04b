// Where a part's bytes are, from its beginning: those of the turns that it begins with, then its own. Pure.
import type { SessionId, TurnId } from "../../base/ids.js";
import type { PartName } from "../store.js";
import { TurnGone } from "../store-errors.js";
import type { PartPlace, Turns } from "./image.js";

/** The first `length` own bytes of a place. */
export interface Extent {
	readonly place: PartPlace;
	readonly length: number;
}

/** @throws TurnGone when the turn is not stored, or the part was dropped; Error when the image does not hold together */
export function extentsOf(id: SessionId, turns: Pick<Turns, "get">, turn: TurnId, part: PartName): Extent[] {
	const first = turns.get(turn);
	if (first === undefined) throw new TurnGone(id, turn);
	const own = first.parts.get(part);
	if (own === undefined) return [];
	if (own.dropped === true) throw new TurnGone(id, turn);
	const extents: Extent[] = [];
	let place: PartPlace = own;
	for (let end = place.length; end > 0; ) {
		const start = place.base?.length ?? 0;
		if (end > start) {
			if (end - start > place.stored)
				throw new Error(`${part} of turn ${turn} needs bytes that were given up`);
			extents.push({ place, length: end - start });
		}
		if (place.base === undefined) break;
		end = Math.min(end, start);
		const base: PartPlace | undefined = turns.get(place.base.turn)?.parts.get(place.base.part);
		if (base === undefined || base.length < end)
			throw new Error(`what ${part} of turn ${turn} begins with is gone`);
		place = base;
	}
	return extents.reverse();
}

/** What is left of `extents` after their first `bytes` bytes: the first extent, and where to begin in it. */
export function seek(extents: readonly Extent[], bytes: number): { index: number; at: number } {
	let index = 0;
	let at = bytes;
	for (const { length } of extents) {
		if (at < length) break;
		at -= length;
		index++;
	}
	return { index, at };
}
