// A turn's outcome as every wire needs it: the answer, the marks beside it, the text of an engine's error. Pure.
import { errorType } from "../base/errors.js";
import { parseJson } from "../json/parse.js";
import { scanObject } from "../json/scan.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import type { HeaderList, WireOutcome, WireRefusal } from "./front-end.js";

/** A turn that was just made, or the committed one of an earlier, equal request. */
export type AnsweredOutcome = Exclude<WireOutcome, { kind: "refused" }>;

/** What the engine generated. Its reply is scanned when a field is first asked for, and only what is asked for is parsed. */
export class Answer {
	/** The engine's reply without its excerpts: JSON all the same. */
	readonly reply: Buffer;
	/** Choice 0's. */
	readonly message: JsonObject;
	readonly finishReason: string | null;
	#members: Members | null = null;

	constructor(reply: Buffer, message: JsonObject, finishReason: string | null) {
		this.reply = reply;
		this.message = message;
		this.finishReason = finishReason;
	}

	/** The reply's counts of tokens (`prompt_tokens`, `completion_tokens`, ...), as OpenAI names them; null without any. */
	get usage(): JsonObject | null {
		const usage = this.field("usage");
		return usage instanceof Map ? usage : null;
	}

	/** A top-level field of the reply; null without it. */
	field(key: string): JsonValue {
		const bytes = this.fieldBytes(key);
		return bytes === null ? null : parseJson(bytes);
	}

	fieldBytes(key: string): Buffer | null {
		this.#members ??= members(this.reply);
		return this.#members(key);
	}
}

/** An object's members by key: the value's bytes, of the last one where there are several. */
type Members = (key: string) => Buffer | null;

export function members(object: Buffer): Members {
	const { fields } = scanObject(object, { maxDepth: Number.POSITIVE_INFINITY });
	return (key) => {
		const range = fields.findLast((candidate) => candidate.key === key);
		return range === undefined ? null : object.subarray(range.valueStart, range.valueEnd);
	};
}

export function answerOf(outcome: AnsweredOutcome): Answer {
	const { finishReason, replyMessage } = outcome.header;
	if (outcome.kind === "turn") {
		const { message, reply } = outcome.generation;
		return new Answer(reply, message, finishReason);
	}
	const { reply } = outcome;
	const message = parseJson(reply.subarray(replyMessage.start, replyMessage.end)) as JsonObject;
	return new Answer(reply, message, finishReason);
}

/** Headers by which a client of any wire knows a repeated answer, and an aborted one: libraries rewrite finish reasons. */
export function markHeaders(outcome: WireOutcome): HeaderList {
	if (outcome.kind === "repeat") return [["idempotent-replayed", "true"]];
	if (outcome.kind === "turn" && outcome.header.status === "provisional") return [["x-sglang-aborted", "1"]];
	return [];
}

interface EngineError {
	message: string;
	type: string;
	code: string | number;
	param: string | undefined;
	status: number;
}

/** More of an engine's text helps nobody. */
const MAX_TEXT = 4_096;

type Fields = Readonly<Record<string, unknown>>;

/** Of a body of any kind: OpenAI's errors have an `error` object, SGLang's own are flat, FastAPI's have a `detail`. */
export function engineError({ status, body }: Pick<WireRefusal, "status" | "body">): EngineError {
	const text = body.toString("utf8");
	const whole = objectOf(text);
	const fields = isObject(whole?.["error"]) ? whole["error"] : (whole ?? {});
	const said = [
		fields["message"],
		whole?.["error"],
		whole?.["detail"],
		whole === null ? text.trim() : "",
	].find((candidate) => typeof candidate === "string" && candidate !== "");
	const { type, code, param } = fields;
	return {
		message: shortened(
			typeof said === "string" ? said : `the engine answered with status ${status}; nothing was recorded`,
		),
		type: typeof type === "string" ? type : errorType(status),
		code: typeof code === "string" || typeof code === "number" ? code : "upstream_status",
		param: typeof param === "string" ? param : undefined,
		status,
	};
}

function objectOf(text: string): Fields | null {
	try {
		const value: unknown = JSON.parse(text);
		return isObject(value) ? value : null;
	} catch {
		return null;
	}
}

function isObject(value: unknown): value is Fields {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shortened(text: string): string {
	return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}...`;
}
