// Owns the map of one request body: where its top-level fields and its messages stand. Validates everything, parses
// and copies nothing; bytes that an earlier scan validated are compared, not walked again.
import { isUtf8 } from "node:buffer";
import { JsonSyntaxError, TOO_MANY_VALUES, type ValueBudget } from "./parse.js";
import { decodeString, skipSpace, skipString, skipValue, syntaxError } from "./skip.js";

export interface ByteRange {
	start: number;
	end: number;
}

/** One top-level entry; offsets into the body, ends exclusive. */
export interface FieldRange {
	/** Decoded: an escaped spelling of a key is the same key. */
	key: string;
	keyStart: number;
	valueStart: number;
	valueEnd: number;
}

/** The last `messages` array of the body. */
export interface MessagesRange {
	/** Between the brackets, without the space before the closing one: so a spaced history is a prefix of its continuation. */
	contentStart: number;
	contentEnd: number;
	/** Leading bytes of the content that are the shared prefix's; 0 when it did not match. */
	sharedBytes: number;
	/** The elements after the shared bytes, in order. */
	elements: ByteRange[];
}

export interface ObjectScan {
	/** Every entry in its order, duplicates too; of equal keys the last one counts. */
	fields: FieldRange[];
	/** Null when there is no `messages`, or the last one is no array. */
	messages: MessagesRange | null;
}

/** Content (between the brackets) of an earlier request's messages, validated by an earlier scan. */
export interface SharedPrefix {
	content: Buffer;
	elementCount: number;
}

export interface ScanOptions {
	/** Deepest nesting of containers that is accepted, the body itself being 1. */
	maxDepth: number;
	sharedPrefix?: SharedPrefix | undefined;
	/** Values and keys that may still be walked over, but for those of the shared prefix. */
	budget?: ValueBudget;
	/** Top-level entries, duplicates too: each costs more than a value further down. */
	maxFields?: number;
	/** Elements of `messages`, those of the shared prefix included. */
	maxMessages?: number;
}

/** `messages` has more elements than it may; what comes after them was not looked at. */
export class TooManyMessages extends Error {}

/**
 * Scans a request body that must be one strict JSON object (RFC 8259, UTF-8, no byte order mark).
 *
 * With a shared prefix that the messages begin with, the cost is one memory compare plus the tail: JSON has no state
 * but its nesting, so bytes that were complete elements once are complete elements again, provided that a comma or
 * the closing bracket follows.
 * Stops at the first bound that is passed: what is refused has cost no more than what is let in.
 * @throws JsonSyntaxError naming what is wrong and the byte offset; TooManyMessages
 */
export function scanObject(body: Buffer, options: ScanOptions): ObjectScan {
	const { maxDepth, maxFields = Number.POSITIVE_INFINITY } = options;
	const walk = { ...options, budget: options.budget ?? { values: Number.POSITIVE_INFINITY } };
	const { budget } = walk;
	if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf)
		throw new JsonSyntaxError("byte order mark", 0);
	const start = skipSpace(body, 0);
	if (body[start] !== 0x7b) syntaxError(body, "expected an object", start);
	const fields: FieldRange[] = [];
	let messages: MessagesRange | null = null;
	let next = skipSpace(body, start + 1);
	let closed = body[next] === 0x7d;
	while (!closed) {
		const keyStart = next;
		if (fields.length === maxFields)
			throw new JsonSyntaxError(`more than ${maxFields} fields; send those of a chat`, keyStart);
		if (--budget.values < 0) throw new JsonSyntaxError(TOO_MANY_VALUES, keyStart);
		const keyEnd = skipString(body, keyStart);
		const key = decodeString(body, keyStart, keyEnd);
		const colon = skipSpace(body, keyEnd);
		if (body[colon] !== 0x3a) syntaxError(body, "expected :", colon);
		const valueStart = skipSpace(body, colon + 1);
		let valueEnd: number;
		if (key === "messages") {
			messages = null;
			if (body[valueStart] === 0x5b) {
				const found = scanMessages(body, valueStart, walk);
				messages = found.messages;
				valueEnd = found.end;
			} else valueEnd = skipValue(body, valueStart, 1, maxDepth, budget);
		} else valueEnd = skipValue(body, valueStart, 1, maxDepth, budget);
		fields.push({ key, keyStart, valueStart, valueEnd });
		next = skipSpace(body, valueEnd);
		if (body[next] === 0x7d) closed = true;
		else if (body[next] !== 0x2c) syntaxError(body, "expected , or }", next);
		else next = skipSpace(body, next + 1);
	}
	const after = skipSpace(body, next + 1);
	if (after < body.length) throw new JsonSyntaxError("text after the value", after);
	checkUtf8(body, messages);
	return { fields, messages };
}

/** Element ranges of an array's content, which must have been validated before. */
export function scanArrayContent(content: Buffer): ByteRange[] {
	const elements: ByteRange[] = [];
	let next = skipSpace(content, 0);
	while (next < content.length) {
		if (content[next] === 0x2c) next = skipSpace(content, next + 1);
		const end = skipValue(content, next, 0, Number.POSITIVE_INFINITY);
		elements.push({ start: next, end });
		next = skipSpace(content, end);
	}
	return elements;
}

type Walk = ScanOptions & { budget: ValueBudget };

function scanMessages(
	body: Buffer,
	open: number,
	{ budget, maxDepth, maxMessages = Number.POSITIVE_INFINITY, sharedPrefix: shared }: Walk,
): { messages: MessagesRange; end: number } {
	if (maxDepth < 2) syntaxError(body, `nesting deeper than ${maxDepth}`, open);
	const contentStart = open + 1;
	const elements: ByteRange[] = [];
	const sharedBytes = shared === undefined ? 0 : matchingBytes(body, contentStart, shared);
	const most = maxMessages - (sharedBytes > 0 ? (shared?.elementCount ?? 0) : 0);
	let next = skipSpace(body, contentStart + sharedBytes);
	if (body[next] !== 0x5d) {
		if (sharedBytes > 0) next = skipSpace(body, next + 1);
		for (;;) {
			if (elements.length >= most) throw new TooManyMessages();
			const end = skipValue(body, next, 2, maxDepth, budget);
			elements.push({ start: next, end });
			next = skipSpace(body, end);
			if (body[next] === 0x5d) break;
			if (body[next] !== 0x2c) syntaxError(body, "expected , or ]", next);
			next = skipSpace(body, next + 1);
		}
	}
	const contentEnd = elements.at(-1)?.end ?? contentStart + sharedBytes;
	return { messages: { contentStart, contentEnd, sharedBytes, elements }, end: next + 1 };
}

/** Length of the shared content when the body's content begins with it and goes on as a list does, else 0. */
function matchingBytes(body: Buffer, contentStart: number, shared: SharedPrefix): number {
	const { content, elementCount } = shared;
	const end = contentStart + content.length;
	if (elementCount === 0 || content.length === 0 || end >= body.length) return 0;
	if (body.compare(content, 0, content.length, contentStart, end) !== 0) return 0;
	const next = body[skipSpace(body, end)];
	return next === 0x2c || next === 0x5d ? content.length : 0;
}

/** The shared bytes were checked when they were first scanned, and they begin and end at ASCII. */
function checkUtf8(body: Buffer, messages: MessagesRange | null): void {
	const from = messages?.contentStart ?? 0;
	const to = from + (messages?.sharedBytes ?? 0);
	for (const part of [
		{ start: 0, end: from },
		{ start: to, end: body.length },
	]) {
		if (part.end > part.start && !isUtf8(body.subarray(part.start, part.end))) {
			throw new JsonSyntaxError("invalid UTF-8", part.start);
		}
	}
}
