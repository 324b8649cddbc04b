// How far a request repeats the stored messages. Compares bytes first, values only where bytes differ.
import { isSpace } from "../../json/characters.js";
import type { JsonObject } from "../../json/value.js";
import { ownCopy, type PathState, type StoredMessage, valueOnce } from "../path/path-state.js";
import type { RequestMessages } from "../path/request-messages.js";
import { type Difference, difference, valuesText } from "./difference.js";
import type { MessageMatcher } from "./matcher.js";

const COMMA = 0x2c;

/** Number of leading messages that stored path and request have in common under the matcher. */
export function matchHistory(state: PathState, request: RequestMessages, matcher: MessageMatcher): number {
	const limit = Math.min(state.messages.length, request.count);
	let index = Math.min(repeatedMessages(state, request), limit);
	for (; index < limit; index++) {
		const stored = state.messages[index];
		if (stored === undefined || !sameMessage(stored, request, index, matcher)) break;
	}
	return index;
}

/** Whether the request's message at `index` is the stored one; remembers a spelling that was let in. */
export function sameMessage(
	stored: StoredMessage,
	request: RequestMessages,
	index: number,
	matcher: MessageMatcher,
): boolean {
	const bytes = request.bytes(index);
	if (bytes.equals(stored.bytes) || stored.accepted?.equals(bytes)) return true;
	if (!matcher.matches(stored, request.value(index))) return false;
	stored.accepted = ownCopy(bytes);
	return true;
}

/**
 * Messages that the head's own request had too, byte for byte. Every one of them matched then (or was taken in
 * as it stood), and a matcher is a pure function of the bytes, so they match now.
 */
function repeatedMessages(state: PathState, request: RequestMessages): number {
	const last = state.request;
	if (last === null) return 0;
	if (request.earlier === last) return last.count;
	const { content } = request;
	if (content.length < last.content.length) return 0;
	if (content.compare(last.content, 0, last.content.length, 0, last.content.length) !== 0) return 0;
	let at = last.content.length;
	while (at < content.length && isSpace(content[at])) at++;
	return at === content.length || content[at] === COMMA ? last.count : 0;
}

/** Whether a message of the request from `index` on is an assistant's. */
export function answersFrom(request: RequestMessages, index: number): boolean {
	for (let at = index; at < request.count; at++) {
		if (request.value(at).get("role") === "assistant") return true;
	}
	return false;
}

/** Where a request departs from what is stored, by its own count of messages. */
export interface Departure {
	index: number;
	/** JSON path in the request. */
	path: string;
	/** Of the two values, for the client only: they are message text. Null where the request merely ends. */
	difference: Difference | null;
}

/** @param stored what stands in the place of the request's message `index`, and is not that message */
export function departureAt(
	stored: StoredMessage | undefined,
	request: RequestMessages,
	index: number,
	matcher: MessageMatcher,
): Departure {
	if (stored === undefined || index >= request.count)
		return { index, path: `messages[${index}]`, difference: null };
	return departure(index, matcher.difference(stored, request.value(index)));
}

function departure(index: number, found: Difference): Departure {
	const dot = found.path === "" ? "" : ".";
	return { index, path: `messages[${index}]${dot}${found.path}`, difference: found };
}

/** `messages[3].content: "a" sent, "b" stored` */
export function departureText({ difference: found, path }: Departure): string {
	return found === null ? `the request ends at ${path}` : `${path}: ${valuesText(found)}`;
}

/**
 * Where the request's system and developer messages are others than those of the stored first prompt; null when they are
 * the same ones in the same order.
 * @param first messages of a first turn
 */
export function systemDeparture(
	first: readonly StoredMessage[],
	request: RequestMessages,
	matcher: MessageMatcher,
): Departure | null {
	const stored = first.filter((message) => !message.generated && isSystem(valueOnce(message)));
	const sent: number[] = [];
	for (let index = 0; index < request.count; index++) if (isSystem(request.value(index))) sent.push(index);
	for (const [at, index] of sent.entries()) {
		const own = stored[at];
		if (own === undefined)
			return departure(index, difference("", request.value(index).get("content") ?? undefined, undefined));
		if (!sameMessage(own, request, index, matcher))
			return departure(index, matcher.difference(own, request.value(index)));
	}
	const missing = stored[sent.length];
	if (missing === undefined) return null;
	const index = (sent.at(-1) ?? -1) + 1;
	return departure(index, difference("", undefined, valueOnce(missing).get("content") ?? undefined));
}

function isSystem(message: JsonObject): boolean {
	const role = message.get("role");
	return role === "system" || role === "developer";
}
