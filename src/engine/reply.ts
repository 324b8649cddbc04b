// Validates a scanned reply before anything of it may be committed (contract section 5, step 5). Pure.
import { isUtf8 } from "node:buffer";
import { RollpinError } from "../base/errors.js";
import { parseJson } from "../json/parse.js";
import type { CutRange, Generation } from "./engine.js";
import type { ScannedReply } from "./reply-scanner.js";

export interface ReplyExpectation {
	/** The ids that were sent, as comma-separated decimals in pieces. */
	inputIdsText: readonly Buffer[];
	/** Every sampled id must be below it. */
	vocabSize: number;
}

/** A 502: the reply is unusable and nothing was recorded. */
export function invalidReply(what: string, cause?: unknown): RollpinError {
	return new RollpinError(
		"upstream_invalid",
		`the engine's reply is unusable: ${what}; nothing was recorded`,
		cause === undefined ? {} : { cause },
	);
}

/** @throws RollpinError `upstream_invalid` naming the first thing that is wrong */
export function validateReply(
	scanned: ScannedReply,
	expected: ReplyExpectation,
): Omit<Generation, "headers" | "validateMs"> {
	const { rest, cuts, messageRange } = scanned;
	if (!isUtf8(rest)) throw invalidReply("it is not UTF-8");
	const reply = record(JSON.parse(rest.toString("utf8")), "it is not a JSON object");
	const choice = record(
		first(field(reply, "choices"), "choices is not a list with an element"),
		"choices[0] is no object",
	);
	const meta = record(field(choice, "meta_info"), "choices[0].meta_info is no object");
	const entries = field(meta, "output_token_logprobs");
	if (!Array.isArray(entries)) throw invalidReply("meta_info.output_token_logprobs is no list");
	record(field(choice, "message"), "choices[0].message is no object");
	if (messageRange === null) throw invalidReply("choices[0].message is missing");
	const message = parseJson(rest.subarray(messageRange.start, messageRange.end));
	if (!(message instanceof Map)) throw invalidReply("choices[0].message is no object");
	const content = message.get("content");
	// A list of parts passes, as it does in the reference (section 6.6); null and a missing content do not.
	if (typeof content !== "string" && !Array.isArray(content))
		throw invalidReply("message.content is no text");
	const completionTokens = field(meta, "completion_tokens");
	if (!isCount(completionTokens)) throw invalidReply("meta_info.completion_tokens is no whole number");
	if (entries.length !== completionTokens) {
		throw invalidReply(`${entries.length} logprobs for completion_tokens ${completionTokens}`);
	}
	const { completionIds, logprobs } = readEntries(entries, expected.vocabSize);
	const finishReason = field(choice, "finish_reason") ?? null;
	if (finishReason !== null && typeof finishReason !== "string")
		throw invalidReply("finish_reason is no text");
	checkPromptIds(cuts, expected.inputIdsText);
	const responseId = field(reply, "id");
	const weightVersion = field(meta, "weight_version");
	return {
		reply: rest,
		cuts,
		messageRange,
		message,
		finishReason,
		completionIds,
		logprobs,
		responseId: typeof responseId === "string" ? responseId : "",
		weightVersion: typeof weightVersion === "string" ? weightVersion : null,
	};
}

function readEntries(
	entries: readonly unknown[],
	vocabSize: number,
): { completionIds: Int32Array; logprobs: Float64Array } {
	const completionIds = new Int32Array(entries.length);
	const logprobs = new Float64Array(entries.length);
	for (const [index, entry] of entries.entries()) {
		if (!Array.isArray(entry) || entry.length < 2) {
			throw invalidReply(`output_token_logprobs[${index}] is no [logprob, id, text]`);
		}
		const [logprob, id] = entry as unknown[];
		if (typeof logprob !== "number" || !Number.isFinite(logprob)) {
			throw invalidReply(`output_token_logprobs[${index}] has no finite logprob`);
		}
		if (!isCount(id) || id >= vocabSize) {
			throw invalidReply(`output_token_logprobs[${index}] has no token id from 0 to ${vocabSize - 1}`);
		}
		logprobs[index] = logprob;
		completionIds[index] = id;
	}
	return { completionIds, logprobs };
}

/** The engine says which prompt it saw; anything but ours means that the record would be of another conversation. */
function checkPromptIds(cuts: readonly CutRange[], sent: readonly Buffer[]): void {
	const told = cuts.filter((cut) => cut.field === "prompt_token_ids" && cut.choice === 0);
	for (const cut of told) {
		if (sameBytes(cut.bytes, sent)) continue;
		const text = Buffer.concat(sent);
		const bytes = Buffer.concat(cut.bytes);
		// Another spelling of the list (spaces) is the same list.
		if (bytes.toString("latin1").replace(/\s+/g, "") === text.toString("latin1")) continue;
		throw invalidReply("prompt_token_ids are not the input_ids that were sent");
	}
}

/** Whether two lists of pieces hold the same bytes; copies nothing. */
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
	return b.slice(piece).every((rest) => rest.length === 0);
}

type Plain = Readonly<Record<string, unknown>>;

function record(value: unknown, otherwise: string): Plain {
	if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidReply(otherwise);
	return value as Plain;
}

/** An own member only: a reply's missing key must not be found on a prototype. */
function field(object: Plain, key: string): unknown {
	return Object.hasOwn(object, key) ? object[key] : undefined;
}

function first(value: unknown, otherwise: string): unknown {
	if (!Array.isArray(value) || value.length === 0) throw invalidReply(otherwise);
	return value[0];
}

function isCount(value: unknown): value is number {
	return Number.isInteger(value) && (value as number) >= 0;
}
