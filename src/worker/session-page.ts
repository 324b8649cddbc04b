// The first few of many sessions by id, without sorting them all. Holds nothing between two pages.
import { background } from "../base/pace.js";
import type { Session } from "../session/life/session.js";
import type { SessionFilter } from "./session-filter.js";

/** Sessions looked at between two looks at the clock. */
const STEP = 512;

/**
 * Open sessions with an id after `after` that pass the filter, in the order of their ids, at most `count`. Cut into slices: one that comes or
 * closes meanwhile may be in it or not.
 */
export async function sessionsAfter(
	sessions: Iterable<Session>,
	after: string,
	count: number,
	filter: SessionFilter | null = null,
): Promise<Session[]> {
	let kept: Session[] = [];
	let last: string | null = null;
	let seen = 0;
	for (const session of sessions) {
		if (++seen % STEP === 0 && background.isOver) await background.breathe();
		const { id } = session.meta;
		if (session.closing !== null || id <= after || (last !== null && id > last)) continue;
		if (filter !== null && !filter(session)) continue;
		kept.push(session);
		if (kept.length < 2 * count) continue;
		kept = kept.sort(byId).slice(0, count);
		last = kept.at(-1)?.meta.id ?? null;
	}
	return kept.sort(byId).slice(0, count);
}

function byId(a: Session, b: Session): number {
	return a.meta.id < b.meta.id ? -1 : 1;
}
