// A first look at the files under one name: is there a session, is it damaged, what is left over. Reads only; knows no table.
import type { SessionId } from "../../base/ids.js";
import type { FileHead } from "../files/head.js";
import type { Steps } from "../files/steps.js";
import type { Obligation, SessionMeta } from "../store.js";
import { isMissing, isUnreadable, systemError } from "../store-errors.js";
import { type FileStamp, fileStem, idOfStem, isNewer, stampText } from "./names.js";
import { Damage, type FoundSession, findSession, type SessionSource } from "./session-files.js";
import { type DamagedSession, NOTHING_OWED, StoredSession } from "./stored-session.js";

export interface LookFor {
	stem: string;
	/** Of its files. */
	stamps: readonly FileStamp[];
	/** Null: its name does not say it. */
	id: SessionId | null;
	/** Whether a session of that order number was buried, or its id has a new one that has no file yet. */
	isBuried(head: Pick<FileHead, "id" | "order">): boolean;
}

export type Look =
	| {
			kind: "stored";
			session: StoredSession;
			meta: SessionMeta;
			/** Committed bytes that a loss of power took. */
			lost: number;
			leftOver: readonly FileStamp[];
	  }
	| { kind: "buried"; leftOver: readonly FileStamp[] }
	/** `stamp`: of the file that shows it. */
	| { kind: "damaged"; session: DamagedSession; stamp: FileStamp; why: string }
	/** Its newest file is not there any more. */
	| { kind: "gone"; stamp: FileStamp };

const NO_STAMPS: readonly FileStamp[] = [];

/** Throws what the system throws, but for what makes the files unreadable: that costs this session only. */
export function* lookAt(
	source: SessionSource,
	{ stem, stamps, id, isBuried }: LookFor,
	buffer?: Buffer,
): Steps<Look> {
	const newest = stamps.reduce((left, right) => (isNewer(right, left) ? right : left));
	try {
		const found = yield* findSession(source, newest, id, buffer);
		if (isBuried(found)) return { kind: "buried", leftOver: stamps };
		const session = new StoredSession(stem, found, owedMap(found.owed));
		const { meta, lost, segments } = found;
		return { kind: "stored", session, meta, lost, leftOver: notAmong(stamps, segments) };
	} catch (thrown) {
		if (isMissing(thrown)) return { kind: "gone", stamp: newest };
		const error = isUnreadable(thrown) ? new Damage((thrown as Error).message) : thrown;
		if (!(error instanceof Damage)) throw systemError(error);
		const { head, slot, message: why } = error;
		if (head !== null && isBuried(head)) return { kind: "buried", leftOver: stamps };
		const known = (head?.id ?? idOfStem(stem)) as SessionId | null;
		// A head with another id than the name has is another session's file.
		const own = known !== null && fileStem(known) === stem ? known : idOfStem(stem);
		const session = { isDamaged: true, id: own, stem, slot, stamps } as const;
		return { kind: "damaged", session, stamp: newest, why };
	}
}

function notAmong(stamps: readonly FileStamp[], segments: FoundSession["segments"]): readonly FileStamp[] {
	if (stamps.length === segments.length) return NO_STAMPS;
	const pinned = new Set(segments.map(({ name }) => name));
	return stamps.filter((stamp) => !pinned.has(stampText(stamp)));
}

function owedMap(owed: readonly Obligation[]): StoredSession["owed"] {
	return owed.length === 0
		? NOTHING_OWED
		: new Map(owed.map((obligation) => [obligation.resource, obligation]));
}
