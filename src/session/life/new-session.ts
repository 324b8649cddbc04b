// The facts of a session that is created. Pure.
import type { SessionId, TurnId } from "../../base/ids.js";
import type { SessionMeta } from "../../store/store.js";

export interface CreateOptions {
	ttlS?: number | undefined;
	metadataJson?: string | null;
	overridesJson?: string | null;
	/** In place of the launch's. */
	mode?: SessionMeta["mode"];
	messageMatcher?: SessionMeta["messageMatcher"];
}

/** @param nowS float Unix seconds */
export function newSession(
	id: SessionId,
	options: CreateOptions,
	defaultTtlS: number,
	nowS: number,
): SessionMeta {
	return {
		id,
		createdAt: nowS,
		expiresAt: nowS + (options.ttlS ?? defaultTtlS),
		lastUsedAt: nowS,
		metadataJson: options.metadataJson ?? null,
		overridesJson: options.overridesJson ?? null,
		head: null,
		provisional: null,
		nextTurn: 0 as TurnId,
		turnCount: 0,
		tokenCount: 0,
		...(options.mode === undefined ? {} : { mode: options.mode }),
		...(options.messageMatcher === undefined ? {} : { messageMatcher: options.messageMatcher }),
	};
}
