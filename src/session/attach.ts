// What a positioning policy (linear, tree) decides for one request, and the checks both share. Changes nothing.
import { RollpinError } from "../base/errors.js";
import type { TurnId } from "../base/ids.js";
import type { TurnHeader } from "../store/store.js";
import type { AppendRole, Tito } from "../tito/tito.js";
import type { MessageMatcher } from "./matcher.js";
import type { PathState } from "./path-state.js";
import type { RequestMessages } from "./request-messages.js";
import type { Session } from "./session.js";

export interface Attachment {
	/** State behind the parent, the request's own until it is given back or committed. */
	state: PathState;
	parent: TurnHeader | null;
	/** Index of the first message of the request that is not stored. */
	appendedFrom: number;
	/** Headers of the turns that this chat's commit will supersede. */
	discarded: TurnHeader[];
	/** Set when the answer of the discarded turn came back altered, which is seldom meant: see `linear.ts`. */
	altered: { index: number; difference: string } | null;
}

export interface AttachDeps {
	tito: Tito;
	matcher: MessageMatcher;
	maxTurns: number;
	maxTreeNodes: number;
}

/** One way of relating requests to the forest of turns (contract section 5). */
export interface PositionPolicy {
	/** Whether the session's lock is held while the engine works. */
	readonly exclusive: boolean;
	attach(session: Session, messages: RequestMessages, deps: AttachDeps): Promise<Attachment>;
}

export function headerOf(headers: ReadonlyMap<TurnId, TurnHeader>, turn: TurnId): TurnHeader {
	const found = headers.get(turn);
	if (found === undefined)
		throw new RollpinError("internal", `turn ${turn} of the active path is not stored`);
	return found;
}

/** Throws unless the family's template can append every one of these roles (reference section 8.1, 6). */
export function checkAppended(messages: RequestMessages, from: number, tito: Tito): void {
	const allowed = tito.family.appendRoles;
	for (let index = from; index < messages.count; index++) {
		const role = messages.value(index).get("role") as string;
		if (allowed.includes(role as AppendRole)) continue;
		throw new RollpinError(
			"role_not_appendable",
			`appended message at index ${index} has role='${role}', allowed=[${allowed
				.toSorted()
				.map((name) => `'${name}'`)
				.join(", ")}]; the selected TITO fixed template does not support appending this role`,
			{ param: `messages[${index}].role` },
		);
	}
}
