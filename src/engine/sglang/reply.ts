// Owns the decision whether a scanned reply of status 200 is usable, and its reading. Pure; commits nothing.
import { RollpinError } from "../../base/errors.js";
import type { Excerpt } from "../../base/excerpt.js";
import { parseJson } from "../../json/parse.js";
import type { ByteRange } from "../../json/scan.js";
import { decodeString } from "../../json/skip.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import type { ReadReply, ReplyExpectation } from "../engine.js";
import { invalidReply } from "../invalid-reply.js";
import type { ScannedReply } from "../scan/reply-scanner.js";
import type { Site } from "../scan/sites.js";
import { parseLogprobs } from "./logprobs.js";
import { SglangSite } from "./sites.js";

const OPEN_BRACE = 0x7b;
const QUOTE = 0x22;

/**
 * `EngineDialect.readReply`. Where the engine spelled choice 0's prompt_token_ids as null, the list stands in its place with its
 * content as an excerpt: nobody who adds the ids has to write the key twice.
 */
export function readReply(scanned: ScannedReply, expected: ReplyExpectation): ReadReply {
	const { rest, ranges } = scanned;
	const at = (site: Site): ByteRange | undefined => ranges.get(site);
	const begins = (range: ByteRange | undefined, byte: number): range is ByteRange =>
		range !== undefined && rest[range.start] === byte;

	if (!begins(at(SglangSite.ROOT), OPEN_BRACE)) invalid("it is not a JSON object");
	if (scanned.hasDuplicateKey) invalid("a key stands twice in one object");
	if (!begins(at(SglangSite.CHOICES), 0x5b)) invalid("choices is missing or not a list");
	const choice = at(SglangSite.CHOICE);
	if (choice === undefined) invalid("choices is empty");
	if (!begins(choice, OPEN_BRACE)) invalid("choices[0] is not an object");
	if (!begins(at(SglangSite.META), OPEN_BRACE)) invalid("choices[0].meta_info is missing or not an object");
	const logprobsRange = at(SglangSite.LOGPROBS);
	if (logprobsRange === undefined) invalid("meta_info.output_token_logprobs is missing");
	const messageRange = at(SglangSite.MESSAGE);
	if (messageRange === undefined) invalid("choices[0].message is missing");
	const message = readMessage(rest.subarray(messageRange.start, messageRange.end));

	const { ids, logprobs } = parseLogprobs(
		rest.subarray(logprobsRange.start, logprobsRange.end),
		expected.vocabSize,
	);
	checkCount(rest, at(SglangSite.COMPLETION_TOKENS), ids.length);
	const finishReason = readFinishReason(rest, at(SglangSite.FINISH_REASON));
	const promptExcerpt = scanned.excerpts.find(
		(excerpt) => excerpt.field === "prompt_token_ids" && excerpt.choice === 0,
	);
	if (promptExcerpt !== undefined && !sameIds(promptExcerpt.bytes, expected.inputIdsText)) {
		throw renderedItself("prompt_token_ids are not the input_ids that were sent");
	}
	checkPromptCount(rest, at(SglangSite.PROMPT_TOKENS), expected.inputIdsCount, finishReason);
	const placed = replaceNullPromptIds(scanned, messageRange, expected.inputIdsText);
	return {
		reply: placed.reply,
		excerpts: placed.excerpts,
		giveBack: scanned.giveBack,
		messageRange: placed.messageRange,
		message,
		finishReason,
		completionIds: ids,
		logprobs,
		responseId: readText(rest, at(SglangSite.ID)) ?? "",
	};
}

function readMessage(bytes: Buffer): JsonObject {
	const message = parseJson(bytes);
	if (!(message instanceof Map)) invalid("choices[0].message is not an object");
	const content = message.get("content");
	if (content === undefined || content === null) invalid("message.content is missing or null");
	// A list of parts passes, as it does in the reference (docs/reference.md).
	if (typeof content !== "string" && !isListOfObjects(content)) invalid("message.content is not a string");
	// Sent back as it came, it must be let in again.
	if (message.get("role") !== "assistant") invalid("message.role is not assistant");
	const calls = message.get("tool_calls") ?? null;
	if (calls !== null && !isListOfObjects(calls)) invalid("message.tool_calls is not a list of objects");
	return message;
}

function isListOfObjects(value: JsonValue): boolean {
	return Array.isArray(value) && value.every((item) => item instanceof Map);
}

function checkCount(rest: Buffer, range: ByteRange | undefined, count: number): void {
	const text = range === undefined ? "" : rest.toString("latin1", range.start, range.end);
	if (!/^\d+$/.test(text)) invalid("meta_info.completion_tokens is missing or not an integer");
	if (text !== String(count)) {
		const said = text.slice(0, 20);
		invalid(`meta_info.completion_tokens is ${said}, but output_token_logprobs has ${count} entries`);
	}
}

/**
 * The engine's own count is the one proof that every SGLang gives of the prompt it ran. A request that is aborted while it
 * waits ran none, and its meta_info has no count (SGLang 0.5.23, `TokenizerManager._handle_abort_req`).
 */
function checkPromptCount(
	rest: Buffer,
	range: ByteRange | undefined,
	sent: number,
	finishReason: string | null,
): void {
	const text = range === undefined ? "null" : rest.toString("latin1", range.start, range.end);
	if (text === String(sent)) return;
	if (text !== "null") {
		throw renderedItself(`meta_info.prompt_tokens is ${text.slice(0, 20)}, and ${sent} ids were sent`);
	}
	if (finishReason !== "abort")
		throw renderedItself(`meta_info.prompt_tokens is missing, and ${sent} ids were sent`);
}

function readFinishReason(rest: Buffer, range: ByteRange | undefined): string | null {
	if (range === undefined || rest[range.start] === 0x6e) return null;
	if (rest[range.start] !== QUOTE) invalid("finish_reason is neither a string nor null");
	return decodeString(rest, range.start, range.end);
}

/** A string's value, a number's spelling, else null. */
function readText(rest: Buffer, range: ByteRange | undefined): string | null {
	if (range === undefined) return null;
	const byte = rest[range.start] as number;
	if (byte === QUOTE) return decodeString(rest, range.start, range.end);
	return byte === 0x2d || (byte >= 0x30 && byte <= 0x39)
		? rest.toString("latin1", range.start, range.end)
		: null;
}

/** Equal spelling, white space around the ids aside; copies only where the spelling differs. */
function sameIds(got: readonly Buffer[], sent: readonly Buffer[]): boolean {
	// Pieces that the scanner found to be the sent ones are those themselves.
	if (got.length === sent.length && got.every((piece, at) => piece === sent[at])) return true;
	if (sameBytes(got, sent)) return true;
	const text = Buffer.concat(got).toString("latin1");
	return text.replace(/[ \t\r\n]+/g, "") === Buffer.concat(sent).toString("latin1");
}

/** Whether two lists of pieces hold the same bytes. */
function sameBytes(a: readonly Buffer[], b: readonly Buffer[]): boolean {
	let piece = 0;
	let from = 0;
	for (const bytes of a) {
		for (let at = 0; at < bytes.length; ) {
			const other = b[piece];
			if (other === undefined) return false;
			const length = Math.min(bytes.length - at, other.length - from);
			if (bytes.compare(other, from, from + length, at, at + length) !== 0) return false;
			at += length;
			from += length;
			if (from === other.length) {
				piece++;
				from = 0;
			}
		}
	}
	return from === 0 && b.slice(piece).every((rest) => rest.length === 0);
}

interface Placed {
	reply: Buffer;
	excerpts: readonly Excerpt[];
	messageRange: ByteRange;
}

function replaceNullPromptIds(
	scanned: ScannedReply,
	messageRange: ByteRange,
	inputIds: readonly Buffer[],
): Placed {
	const { rest, excerpts } = scanned;
	const range = scanned.ranges.get(SglangSite.PROMPT_TOKEN_IDS);
	if (range === undefined || rest[range.start] === 0x5b) return { reply: rest, excerpts, messageRange };
	if (rest[range.start] !== 0x6e) invalid("prompt_token_ids is neither a list nor null");
	const shift = "[]".length - (range.end - range.start);
	const moved = (offset: number): number => (offset >= range.end ? offset + shift : offset);
	const excerpt: Excerpt = {
		offset: range.start + 1,
		field: "prompt_token_ids",
		choice: 0,
		bytes: inputIds,
		knownBytes: 0,
		byteLength: inputIds.reduce((sum, piece) => sum + piece.length, 0),
	};
	return {
		reply: Buffer.concat([rest.subarray(0, range.start), Buffer.from("[]"), rest.subarray(range.end)]),
		excerpts: [...excerpts.map((each) => ({ ...each, offset: moved(each.offset) })), excerpt].sort(
			(a, b) => a.offset - b.offset,
		),
		messageRange: { start: moved(messageRange.start), end: moved(messageRange.end) },
	};
}

/** A 502: what the model saw is not what would be recorded, and nothing was. */
function renderedItself(what: string): RollpinError {
	return new RollpinError(
		"upstream_rendered_itself",
		"the engine did not use our input_ids: a gateway that drops them? (sglang-router 0.3 does; smg passes them); " +
			`${what}; nothing was recorded`,
	);
}

function invalid(what: string): never {
	throw invalidReply(what);
}
