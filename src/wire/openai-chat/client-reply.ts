// The client's view of an engine reply: its bytes, the replay payloads' members taken out, the prompt ids put in or taken out
// too. Pure.
import type { Excerpt } from "../../base/excerpt.js";
import { isSpace } from "../../json/characters.js";
import { skipValue } from "../../json/skip.js";

/** As much of an excerpt as its place needs; `bytes` are those that the client gets too. */
export type ClientExcerpt = Pick<Excerpt, "offset" | "field" | "bytes">;

interface Edit {
	start: number;
	end: number;
	insert: readonly Buffer[];
}

const QUOTE = 0x22;
const COMMA = 0x2c;
/** Of a string, a list, an object. */
const CLOSING: ReadonlySet<number> = new Set([QUOTE, 0x5d, 0x7d]);

/**
 * Pieces of the reply as the client gets it. Everything that is kept keeps its bytes.
 * @param messageStart offset of choice 0's message value; the prompt ids go before its key when the engine sent none
 * @param promptText decimal ids, comma-separated; null: the reply is to have none
 */
export function clientReply(
	reply: Buffer,
	excerpts: readonly ClientExcerpt[],
	messageStart: number,
	promptText: readonly Buffer[] | null,
): Buffer[] {
	const edits: Edit[] = [];
	const dropped = excerpts.filter(({ field }) => promptText === null || field !== "prompt_token_ids");
	for (const range of memberGroups(
		reply,
		dropped.map(({ offset }) => offset),
	)) {
		edits.push({ ...range, insert: [] });
	}
	let echoed = false;
	for (const { bytes, field, offset } of excerpts) {
		if (promptText === null || field !== "prompt_token_ids") continue;
		echoed = true;
		edits.push({ start: offset, end: offset, insert: bytes });
	}
	if (!echoed && promptText !== null) {
		const at = keyStart(reply, messageStart);
		edits.push({
			start: at,
			end: at,
			insert: [Buffer.from('"prompt_token_ids":['), ...promptText, Buffer.from("],")],
		});
	}
	edits.sort((a, b) => a.start - b.start);
	const pieces: Buffer[] = [];
	let at = 0;
	for (const edit of edits) {
		pieces.push(reply.subarray(at, edit.start), ...edit.insert);
		at = edit.end;
	}
	pieces.push(reply.subarray(at));
	return pieces;
}

/** Ranges to drop so that the members with these (emptied) values are gone and the commas are right. */
function memberGroups(reply: Buffer, offsets: readonly number[]): Array<{ start: number; end: number }> {
	const groups: Array<{ start: number; end: number }> = [];
	for (const offset of offsets.toSorted((a, b) => a - b)) {
		const { start, end } = valueAround(reply, offset);
		const member = { start: keyStart(reply, start), end };
		const last = groups.at(-1);
		if (last !== undefined && reply[skipSpace(reply, last.end)] === COMMA) {
			const next = skipSpace(reply, skipSpace(reply, last.end) + 1);
			if (next === member.start) {
				last.end = member.end;
				continue;
			}
		}
		groups.push(member);
	}
	for (const group of groups) {
		const after = skipSpace(reply, group.end);
		if (reply[after] === COMMA) {
			group.end = after + 1;
			continue;
		}
		const before = skipSpaceBack(reply, group.start);
		if (reply[before - 1] === COMMA) group.start = before - 1;
	}
	return groups;
}

/** The value that an excerpt at `offset` emptied: two quotes or brackets around it, or the number or literal after it. */
function valueAround(reply: Buffer, offset: number): { start: number; end: number } {
	if (CLOSING.has(reply[offset] as number)) return { start: offset - 1, end: offset + 1 };
	return { start: offset, end: skipValue(reply, offset, 0, 1) };
}

/** Offset of the opening quote of the key whose value starts at `valueStart`. The known keys hold no quotes. */
function keyStart(reply: Buffer, valueStart: number): number {
	const colon = skipSpaceBack(reply, valueStart) - 1;
	const closing = skipSpaceBack(reply, colon) - 1;
	return reply.lastIndexOf(QUOTE, closing - 1);
}

function skipSpace(bytes: Buffer, at: number): number {
	let next = at;
	while (isSpace(bytes[next])) next++;
	return next;
}

/** Offset after the last byte before `at` that is no space. */
function skipSpaceBack(bytes: Buffer, at: number): number {
	let end = at;
	while (isSpace(bytes[end - 1])) end--;
	return end;
}
