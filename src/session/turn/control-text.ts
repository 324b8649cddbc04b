// Whether a chat's new messages spell a control token; said once per session. Refuses nothing.
import type { Tito } from "../../tito/tito.js";
import type { Session } from "../life/session.js";
import type { RequestMessages } from "../path/request-messages.js";
import type { TurnReport } from "./turn-report.js";

/** Sessions of this process whose control text was reported. */
const reported = new WeakSet<Session>();

/** @param from index of the first message that is not stored; those before it were looked at when they came */
export function newControlText(
	session: Session,
	messages: RequestMessages,
	from: number,
	tito: Tito,
): TurnReport["controlText"] {
	if (reported.has(session)) return null;
	const appended = Array.from({ length: messages.count - from }, (_, at) => messages.value(from + at));
	const found = tito.controlText?.(appended) ?? null;
	if (found === null) return null;
	reported.add(session);
	return { index: from + found.index, token: found.token };
}
