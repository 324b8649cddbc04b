// What a positioning policy (linear, tree) decides for one request, and the checks both share. Changes nothing.
import { RollpinError } from "../../base/errors.js";
import type { TurnId } from "../../base/ids.js";
import type { TurnHeader } from "../../store/store.js";
import type { AppendRole, Tito } from "../../tito/tito.js";
import type { Session } from "../life/session.js";
import type { PathState } from "../path/path-state.js";
import type { RequestMessages } from "../path/request-messages.js";
import type { MessageMatcher } from "./matcher.js";
import type { OnAlteredAnswer, RetryKind } from "./position.js";

export interface Attachment {
	/** State after the parent, the request's own until it is given back or committed. */
	state: PathState;
	parent: TurnHeader | null;
	/** Index of the first message of the request that is not stored. */
	appendedFrom: number;
	/** Headers of the turns that this chat's commit will supersede. */
	discarded: TurnHeader[];
	/** Why those are thrown away; null when none are. */
	rollback: (DeparturePoint & { kind: RetryKind }) | null;
	/** Where in the forest it leaves a path that is there, and why; null when it goes on with one, or is the first. */
	branch: Branch | null;
}

/** Where a request departs from what is stored. */
export interface DeparturePoint {
	/** Index of the message, by the request's count. */
	index: number;
	/** JSON path in the request; names may be in it, values never. */
	path: string;
}

/**
 * `retry`: the messages of a turn that is there; `reworded`: others, without an answer; `edit`: another answer, or an
 * answer after a changed message; `other`: another conversation.
 */
export interface Branch extends DeparturePoint {
	kind: "retry" | "reworded" | "edit" | "other";
	/** The turn it leaves: the one whose messages it has most of in common. */
	left: TurnId;
}

export function departurePointOf({ index, path }: DeparturePoint): DeparturePoint {
	return { index, path };
}

export interface AttachDeps {
	tito: Tito;
	matcher: MessageMatcher;
	/** Linear mode. */
	onAlteredAnswer: OnAlteredAnswer;
	maxTurns: number;
	maxTreeNodes: number;
}

/** One way of relating requests to the forest of turns. */
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

/**
 * Throws unless the family's template can append every one of these roles (docs/reference.md, Linear history). `developer` is
 * appended wherever `system` is, and wherever the template has its own place for it.
 */
export function checkAppended(messages: RequestMessages, from: number, tito: Tito): void {
	const allowed = tito.family.appendRoles;
	for (let index = from; index < messages.count; index++) {
		const role = messages.value(index).get("role") as string;
		const shown = tito.shownRole?.(role) ?? role;
		if (allowed.includes(shown as AppendRole) || (role === "developer" && shown === role)) continue;
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
