// The answer of a turn that is stored already, for a request that was sent again under the same key. Changes nothing.
import type { ReadableStore, TurnHeader } from "../../store/store.js";
import type { Session } from "../life/session.js";
import { type Fingerprint, isRepeat } from "./idempotency.js";

/** A stored turn's answer, without its excerpts. */
export interface CommittedReply {
	header: TurnHeader;
	reply: Buffer;
	/** The whole prompt. */
	promptIds: Int32Array;
}

/** The committed turn that this very request made. What a retry has superseded is no turn any more. */
export async function findRepeated(
	session: Session,
	identity: Fingerprint | null,
	store: ReadableStore,
): Promise<CommittedReply | null> {
	if (identity === null) return null;
	for (const header of [...(await session.headers()).values()].reverse()) {
		if (header.status !== "committed" || !isRepeat(identity, header.idempotency)) continue;
		const reply = await store.part(session.meta.id, header.id, "reply");
		const { tokens } = await session.stateAt(header.id);
		const promptIds = tokens.ids().subarray(0, header.tokenCount - header.completionLength);
		return { header, reply, promptIds };
	}
	return null;
}
