// A session that has no file yet: the ledger has its record until its first turn, or whatever else is committed to it. Pure.

import type { SessionId } from "../../base/ids.js";
import type { CommitPlan } from "../plan/commit-plan.js";
import { SessionImage } from "../plan/image.js";
import { decodeOps, encodeOps, hasLongTexts, recordIn } from "../plan/op-text.js";
import type { SessionMeta } from "../store.js";
import type { LedgerRecord } from "./ledger.js";
import { fileStem } from "./names.js";
import { NOTHING_OWED, StoredSession } from "./stored-session.js";

type UnfiledRecord = LedgerRecord & { session: string };

/** What the ledger says of a new session. Null: it needs a file, since it has more than a small record. */
export function unfiledText({ ops }: Extract<CommitPlan, { kind: "append" | "renew" }>): string | null {
	const [op] = ops;
	if (op?.op !== "record" || ops.length > 1 || op.record.owed.size > 0 || hasLongTexts(op.record))
		return null;
	return encodeOps(ops, null);
}

export function isUnfiled(record: LedgerRecord | undefined): record is UnfiledRecord {
	return record?.session !== undefined;
}

type Records = ReadonlyMap<SessionId, LedgerRecord>;

/** Null: the session has a file. */
export function unfiledRecord(
	{ id, segments }: Pick<StoredSession, "id" | "segments">,
	records: Records,
): UnfiledRecord | null {
	if (segments.length > 0) return null;
	const record = records.get(id);
	if (!isUnfiled(record)) throw new Error(`session ${id} has neither a file nor a record in the ledger`);
	return record;
}

/** The one whose files would have that stem. Looks at all: it is asked for when a file is found to count no more. */
export function unfiledUnder(stem: string, records: Records): UnfiledRecord | null {
	for (const record of records.values()) if (isUnfiled(record) && fileStem(record.id) === stem) return record;
	return null;
}

/** Nothing of it is committed to a file, and so nothing of a file is to be flushed. */
const NO_SLOT = {
	...{ sequence: 0, length: 0, flushed: 0, recordAt: 0, bootTag: 0 },
	...{ createdAt: 0, expiresAt: 0, lastUsedAt: 0 },
};

export function unfiledSession({ id, order }: UnfiledRecord): StoredSession {
	return new StoredSession(fileStem(id), { id, order, segments: [], slot: NO_SLOT }, NOTHING_OWED);
}

export function unfiledMeta({ session }: UnfiledRecord): SessionMeta {
	const record = recordIn(session);
	if (record === null) throw new Error("a session in the ledger without its record");
	const [metadataJson, overridesJson] = record.texts ?? [null, null];
	return { ...record.meta, metadataJson, overridesJson };
}

export function unfiledImage({ session }: UnfiledRecord): SessionImage {
	const { ops } = decodeOps(session);
	const [op] = ops;
	if (op?.op !== "record") throw new Error("a session in the ledger without its record");
	const image = new SessionImage(op.record);
	image.apply(ops, { segment: "", offset: 0, crcs: [] }, { segment: "", at: 0 });
	return image;
}
