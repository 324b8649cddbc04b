// How far a request repeats the stored messages. Compares bytes first, values only where bytes differ.
import type { JsonObject } from "../json/value.js";
import { differingKey, type MessageMatcher } from "./matcher.js";
import { ownCopy, type PathState, type StoredMessage, storedValue } from "./path-state.js";
import type { RequestMessages } from "./request-messages.js";

const COMMA = 0x2c;

/** Number of leading messages that stored path and request have in common under the matcher. */
export function matchHistory(state: PathState, request: RequestMessages, matches: MessageMatcher): number {
	const limit = Math.min(state.messages.length, request.count);
	let index = Math.min(repeatedMessages(state, request), limit);
	for (; index < limit; index++) {
		const stored = state.messages[index];
		if (stored === undefined || !sameMessage(stored, request, index, matches)) break;
	}
	return index;
}

/** Whether the request's message at `index` is the stored one; remembers a spelling that was let in. */
export function sameMessage(
	stored: StoredMessage,
	request: RequestMessages,
	index: number,
	matches: MessageMatcher,
): boolean {
	const bytes = request.bytes(index);
	if (bytes.equals(stored.bytes) || stored.accepted?.equals(bytes)) return true;
	if (!matches(storedValue(stored), request.value(index))) return false;
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
	if (request.shared === last) return last.count;
	const { content } = request;
	if (content.length < last.content.length) return 0;
	if (content.compare(last.content, 0, last.content.length, 0, last.content.length) !== 0) return 0;
	let at = last.content.length;
	while (at < content.length && isSpace(content[at])) at++;
	return at === content.length || content[at] === COMMA ? last.count : 0;
}

function isSpace(byte: number | undefined): boolean {
	return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Where and in what a request departs from the stored history, for the error that names it. */
export function describeMismatch(
	state: PathState,
	request: RequestMessages,
	matched: number,
): { index: number; difference: string } {
	const stored = state.messages[matched];
	if (matched >= request.count) {
		return {
			index: matched,
			difference: `the request ends here; ${state.messages.length} messages are stored`,
		};
	}
	const replayed = request.value(matched);
	if (stored === undefined) return { index: matched, difference: "nothing is stored at this index" };
	const value = storedValue(stored);
	return { index: matched, difference: describeKey(value, replayed) };
}

function describeKey(stored: JsonObject, replayed: JsonObject): string {
	const key = differingKey(stored, replayed);
	if (key === null) return "the messages differ under the configured matcher";
	if (key === "role") return `role is ${text(replayed.get("role"))}, stored is ${text(stored.get("role"))}`;
	// Message text never goes into an error or a log; its shape is enough to find the culprit.
	return `${key} differs (${shape(replayed, key)} sent, ${shape(stored, key)} stored)`;
}

function text(value: unknown): string {
	return typeof value === "string" ? JSON.stringify(value) : "missing";
}

function shape(message: JsonObject, key: string): string {
	const value = message.get(key);
	if (value === undefined) return "nothing";
	if (value === null) return "null";
	if (typeof value === "string") return `${value.length} characters`;
	return Array.isArray(value) ? `a list of ${value.length}` : "another type";
}
