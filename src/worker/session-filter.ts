// Which sessions a list is about: those that run a chat, those with certain metadata. Pure.
import { RollpinError } from "../base/errors.js";
import { parseJson, writeJson } from "../json/parse.js";
import { JsonNumber, type JsonValue } from "../json/value.js";
import type { Session } from "../session/life/session.js";

export type SessionFilter = (session: Pick<Session, "chatsInFlight" | "meta">) => boolean;

/**
 * @param query `running=true`: with a chat that runs or waits; `where=key=value`, any number of times: whose metadata has
 * every one of them
 * @returns null where every session is meant
 * @throws RollpinError `invalid_request`
 */
export function sessionFilter(query: URLSearchParams): SessionFilter | null {
	const running = query.get("running") ?? "false";
	if (running !== "true" && running !== "false") throw wrong("running", "running must be true or false");
	const wanted = query.getAll("where").map((text): [string, string] => {
		const at = text.indexOf("=");
		if (at < 1) throw wrong("where", "where must be key=value, a top-level field of the metadata");
		return [text.slice(0, at), text.slice(at + 1)];
	});
	if (running === "false" && wanted.length === 0) return null;
	return ({ chatsInFlight, meta }) =>
		(running === "false" || chatsInFlight > 0) && (wanted.length === 0 || hasAll(meta.metadataJson, wanted));
}

function hasAll(metadataJson: string | null, wanted: ReadonlyArray<readonly [string, string]>): boolean {
	if (metadataJson === null) return false;
	const metadata = parseJson(metadataJson, { maxDepth: Number.POSITIVE_INFINITY });
	if (!(metadata instanceof Map)) return false;
	return wanted.every(([key, text]) => metadata.has(key) && textOf(metadata.get(key) ?? null) === text);
}

/** A string is its own text; anything else its JSON, a number as it was spelled. */
function textOf(value: JsonValue): string {
	if (typeof value === "string") return value;
	return value instanceof JsonNumber ? value.text : writeJson(value);
}

function wrong(param: string, message: string): RollpinError {
	return new RollpinError("invalid_request", message, { param });
}
