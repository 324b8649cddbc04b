// Owns the map of one request body: where its top-level fields and its messages stand. Validates everything, parses
// and copies nothing; bytes that an earlier scan validated are compared, not walked again.
import { isUtf8 } from "node:buffer";
import { JsonSyntaxError, type ValueBudget } from "./parse.js";
import { decodeString, skipSpace, skipValue, syntaxError } from "./skip.js";
import { spaceEnd, ValueWalk } from "./walk.js";

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

/** Walked over in one go: half a millisecond of white space, which is the dearest. */
const SLICE_BYTES = 128 * 1024;
/** A body of so many slices is walked over at once, which costs less. */
const WHOLE_SLICES = 8;
/** No field of any API has a longer name; it is made a string before anybody knows what it is. */
const MAX_KEY_BYTES = 4_096;

/** As `scanSteps`, in one go. */
export function scanObject(body: Buffer, options: ScanOptions): ObjectScan {
	const steps = scanSteps(body, options);
	for (;;) {
		const { done, value } = steps.next();
		if (done === true) return value;
	}
}

/**
 * Scans a request body that must be one strict JSON object (RFC 8259, UTF-8, no byte order mark). A large one a slice at a time,
 * whatever it has: others are served between the steps.
 *
 * With a shared prefix that the messages begin with, the cost is one memory compare plus the tail: JSON has no state
 * but its nesting, so bytes that were complete elements once are complete elements again, provided that a comma or
 * the closing bracket follows.
 * Stops at the first bound that is passed: what is refused has cost no more than what is let in.
 * @throws JsonSyntaxError naming what is wrong and the byte offset; TooManyMessages
 */
export function* scanSteps(
	body: Buffer,
	options: ScanOptions,
	sliceBytes = SLICE_BYTES,
): Generator<undefined, ObjectScan, void> {
	const { maxDepth, maxFields = Number.POSITIVE_INFINITY } = options;
	const walk = { ...options, budget: options.budget ?? { values: Number.POSITIVE_INFINITY } };
	const { budget } = walk;
	const go = new Slices(body, sliceBytes);
	if (body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf)
		throw new JsonSyntaxError("byte order mark", 0);
	const start = go.space(0) ?? (yield* go.rest());
	if (body[start] !== 0x7b) syntaxError(body, "expected an object", start);
	const fields: FieldRange[] = [];
	let messages: MessagesRange | null = null;
	let next = go.space(start + 1) ?? (yield* go.rest());
	let closed = body[next] === 0x7d;
	while (!closed) {
		const keyStart = next;
		if (fields.length === maxFields)
			throw new JsonSyntaxError(`more than ${maxFields} fields; send those of a chat`, keyStart);
		if (body[keyStart] !== 0x22) syntaxError(body, "expected a string", keyStart);
		const keyEnd = go.value(keyStart, 1, maxDepth, budget) ?? (yield* go.rest());
		if (keyEnd - keyStart > MAX_KEY_BYTES)
			throw new JsonSyntaxError(`a field's name of more than ${MAX_KEY_BYTES} bytes`, keyStart);
		const key = decodeString(body, keyStart, keyEnd);
		const colon = go.space(keyEnd) ?? (yield* go.rest());
		if (body[colon] !== 0x3a) syntaxError(body, "expected :", colon);
		const valueStart = go.space(colon + 1) ?? (yield* go.rest());
		let valueEnd: number;
		if (key === "messages") {
			messages = null;
			if (body[valueStart] === 0x5b) {
				const found = yield* scanMessages(body, valueStart, walk, go);
				messages = found.messages;
				valueEnd = found.end;
			} else valueEnd = go.value(valueStart, 1, maxDepth, budget) ?? (yield* go.rest());
		} else valueEnd = go.value(valueStart, 1, maxDepth, budget) ?? (yield* go.rest());
		fields.push({ key, keyStart, valueStart, valueEnd });
		next = go.space(valueEnd) ?? (yield* go.rest());
		if (body[next] === 0x7d) closed = true;
		else if (body[next] !== 0x2c) syntaxError(body, "expected , or }", next);
		else next = go.space(next + 1) ?? (yield* go.rest());
	}
	const after = go.space(next + 1) ?? (yield* go.rest());
	if (after < body.length) throw new JsonSyntaxError("text after the value", after);
	yield* checkUtf8(body, messages, sliceBytes);
	return { fields, messages };
}

/**
 * Walks over a body's bytes until the end of a slice: then the answer is null, and comes from `rest`. A body of a few slices is
 * walked over in one go.
 */
class Slices {
	readonly #body: Buffer;
	readonly #sliceBytes: number;
	#restAt: number;
	/** The value it is in the middle of, or where white space goes on. */
	#walk: ValueWalk | number = 0;

	constructor(body: Buffer, sliceBytes: number) {
		this.#body = body;
		this.#sliceBytes = sliceBytes;
		this.#restAt = body.length <= sliceBytes * WHOLE_SLICES ? Number.POSITIVE_INFINITY : sliceBytes;
	}

	/** Offset of the first byte at or after `at` that is no white space. */
	space(at: number): number | null {
		const next = spaceEnd(this.#body, at, this.#restAt);
		if (next < this.#restAt) return next;
		this.#walk = next;
		return null;
	}

	/** End of the value at `at`. @throws as `skipValue` */
	value(at: number, depth: number, maxDepth: number, budget: ValueBudget): number | null {
		if (this.#restAt === Number.POSITIVE_INFINITY) return skipValue(this.#body, at, depth, maxDepth, budget);
		this.#walk = new ValueWalk(this.#body, at, { depth, maxDepth, budget });
		return this.#go(this.#walk);
	}

	/** Goes on with what gave null. */
	*rest(): Generator<undefined, number, void> {
		for (;;) {
			yield;
			const walk = this.#walk;
			this.#restAt = (typeof walk === "number" ? walk : walk.at) + this.#sliceBytes;
			const end = typeof walk === "number" ? this.space(walk) : this.#go(walk);
			if (end !== null) return end;
		}
	}

	#go(walk: ValueWalk): number | null {
		return walk.run(this.#restAt) ? walk.at : null;
	}
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

function* scanMessages(
	body: Buffer,
	open: number,
	{ budget, maxDepth, maxMessages = Number.POSITIVE_INFINITY, sharedPrefix: shared }: Walk,
	go: Slices,
): Generator<undefined, { messages: MessagesRange; end: number }, void> {
	if (maxDepth < 2) syntaxError(body, `nesting deeper than ${maxDepth}`, open);
	const contentStart = open + 1;
	const elements: ByteRange[] = [];
	const sharedBytes = shared === undefined ? 0 : matchingBytes(body, contentStart, shared);
	const most = maxMessages - (sharedBytes > 0 ? (shared?.elementCount ?? 0) : 0);
	let next = go.space(contentStart + sharedBytes) ?? (yield* go.rest());
	if (body[next] !== 0x5d) {
		if (sharedBytes > 0) next = go.space(next + 1) ?? (yield* go.rest());
		for (;;) {
			if (elements.length >= most) throw new TooManyMessages();
			const end = go.value(next, 2, maxDepth, budget) ?? (yield* go.rest());
			elements.push({ start: next, end });
			next = go.space(end) ?? (yield* go.rest());
			if (body[next] === 0x5d) break;
			if (body[next] !== 0x2c) syntaxError(body, "expected , or ]", next);
			next = go.space(next + 1) ?? (yield* go.rest());
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
function* checkUtf8(
	body: Buffer,
	messages: MessagesRange | null,
	sliceBytes: number,
): Generator<undefined, void, void> {
	const from = messages?.contentStart ?? 0;
	const to = from + (messages?.sharedBytes ?? 0);
	for (const part of [
		{ start: 0, end: from },
		{ start: to, end: body.length },
	]) {
		for (let { start } = part; start < part.end; ) {
			const end = characterStart(body, Math.min(part.end, start + Math.max(sliceBytes, LONGEST_CHARACTER)));
			if (!isUtf8(body.subarray(start, end))) throw new JsonSyntaxError("invalid UTF-8", part.start);
			start = end;
			if (start < part.end) yield;
		}
	}
}

const LONGEST_CHARACTER = 4;

/** The last offset at or before `at` at which a character begins, or `at` where that is further away than any has bytes. */
function characterStart(bytes: Buffer, at: number): number {
	for (let back = 0; back < LONGEST_CHARACTER; back++) {
		if (at - back >= bytes.length || ((bytes[at - back] as number) & 0xc0) !== 0x80) return at - back;
	}
	return at;
}
