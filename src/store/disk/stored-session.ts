// What a worker holds in memory of a stored session. An idle one is this object and its segments.
import type { SessionId } from "../../base/ids.js";
import type { Slot } from "../files/slots.js";
import type { SessionImage } from "../plan/image.js";
import type { Obligation, SessionMeta } from "../store.js";
import type { FileStamp } from "./names.js";
import type { PartView } from "./part-reading.js";
import type { FoundSession, Segment } from "./session-files.js";

export const NOTHING_OWED: ReadonlyMap<string, Obligation> = new Map();

export class StoredSession implements PartView {
	/** Tells it from one that is damaged. */
	get isDamaged(): false {
		return false;
	}

	readonly id: SessionId;
	/** What its files begin with. */
	readonly stem: string;
	readonly order: number;
	/** Oldest first. */
	segments: Segment[];
	/** Of the newest segment. */
	slot: Slot;
	owed: ReadonlyMap<string, Obligation>;
	image: SessionImage | null = null;
	version = 0;
	/** Reads that go on over several steps: its image must stay the one that changes. */
	readers = 0;
	/** Its image is being read. */
	loading: Promise<unknown> | null = null;
	/** Its files are to be written anew. */
	rewriting = false;
	/** That failed: not tried again before they have so many bytes. */
	rewriteFromBytes = 0;

	constructor(
		stem: string,
		found: Omit<FoundSession, "meta" | "owed" | "lost">,
		owed: StoredSession["owed"],
	) {
		this.stem = stem;
		this.id = found.id;
		this.order = found.order;
		this.segments = found.segments;
		this.slot = found.slot;
		this.owed = owed.size === 0 ? NOTHING_OWED : owed;
	}

	/** The file that its next frame may go to. */
	get newest(): Segment {
		return this.segments[this.segments.length - 1] as Segment;
	}

	get bytes(): number {
		let bytes = 0;
		for (const { length } of this.segments) bytes += length;
		return bytes;
	}
}

/** One whose file says too little to be served. */
export interface DamagedSession {
	isDamaged: true;
	/** Null: its name is a hash, and its head can't be read. */
	id: SessionId | null;
	stem: string;
	stamps: readonly FileStamp[];
	slot: Slot | null;
}

/** What is known of a name whose files were looked at. */
export type Entry = StoredSession | DamagedSession;

/** A session that never ends by itself: the end of the year 9999. */
const NEVER_S = 253_402_300_799;

/** Enough to refuse it by its id, and to end it in time. */
export function damagedMeta({ id, slot }: Pick<DamagedSession, "id" | "slot">): SessionMeta | undefined {
	if (id === null) return undefined;
	return {
		id,
		createdAt: slot?.createdAt ?? 0,
		expiresAt: slot?.expiresAt ?? NEVER_S,
		lastUsedAt: slot?.lastUsedAt ?? Date.now() / 1000,
		metadataJson: null,
		overridesJson: null,
		head: null,
		provisional: null,
		nextTurn: 0 as SessionMeta["nextTurn"],
		turnCount: 0,
		tokenCount: 0,
	};
}
