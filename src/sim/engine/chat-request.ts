// Reads a request body: one JSON parse of the small part, a byte scan of the ids. Keeps unknown fields out of the way.
import { isSpace } from "../../json/characters.js";
import { JsonSyntaxError, parseJson } from "../../json/parse.js";
import type { JsonObject } from "../../json/value.js";

const MAX_DEPTH = 200;

/** A refusal in the engine's own error form. */
export class SimRefusal extends Error {
	readonly status: number;
	/** The error's `type`; by default what the status says. */
	readonly type: string;

	constructor(status: number, message: string, type = typeOf(status)) {
		super(message);
		this.name = "SimRefusal";
		this.status = status;
		this.type = type;
	}
}

/** SGLang's name for an error of this status. */
export function typeOf(status: number): string {
	if (status >= 500) return "InternalServerError";
	return status === 404 ? "NotFoundError" : "BadRequestError";
}

export type JsonRecord = Readonly<Record<string, unknown>>;

export interface ParsedBody {
	/** As it came. */
	bytes: Buffer;
	/** The body's fields, without `input_ids` when that was a list. */
	fields: JsonRecord;
	/** `input_ids`, when it was given as a flat list of integers. */
	inputIds: Int32Array | null;
	/** The bytes of that list between its brackets. */
	inputIdsText: Buffer | null;
}

const KEY = Buffer.from('"input_ids"');
const OPEN = 0x5b;
const CLOSE = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;
/** Stands for the cut-out list while the rest is parsed; if it does not come back at top level, the cut was wrong. */
const MARKER = "\u0001input_ids-cut\u0001";
const MARKER_JSON = Buffer.from(JSON.stringify(MARKER));

interface Cut {
	/** Offset of `[`. */
	open: number;
	/** Offset after `]`. */
	end: number;
	ids: Int32Array;
}

/** Finds `"input_ids": [integers]` and reads the ids without building a number object for each. */
function cutIds(body: Buffer): Cut | null {
	const key = body.indexOf(KEY);
	if (key < 0) return null;
	let at = key + KEY.length;
	while (isSpace(body[at])) at++;
	if (body[at] !== COLON) return null;
	at++;
	while (isSpace(body[at])) at++;
	if (body[at] !== OPEN) return null;
	const close = body.indexOf(CLOSE, at);
	if (close < 0) return null;
	const ids = new Int32Array((close - at + 1) >> 1);
	let count = 0;
	let value = -1;
	let ended = false;
	for (let index = at + 1; index <= close; index++) {
		const byte = body[index] as number;
		if (byte >= 0x30 && byte <= 0x39) {
			// A second digit after a leading zero is not JSON: the full parse will say so.
			if (ended || value === 0) return null;
			value = (value < 0 ? 0 : value * 10) + (byte - 0x30);
			if (value > 0x7fffffff) return null;
		} else if (byte === COMMA || byte === CLOSE) {
			if (value < 0 && !(byte === CLOSE && count === 0)) return null;
			if (value >= 0) ids[count++] = value;
			value = -1;
			ended = false;
		} else if (isSpace(byte)) {
			ended = value >= 0;
		} else {
			return null;
		}
	}
	return { open: at, end: close + 1, ids: ids.slice(0, count) };
}

/**
 * Parses a body of any size. 100k ids cost about a millisecond.
 * @throws SimRefusal 400 when it is not a JSON object or `input_ids` is not a flat list of token ids
 */
export function parseBody(body: Buffer): ParsedBody {
	const cut = cutIds(body);
	if (cut) {
		const rest = Buffer.concat([body.subarray(0, cut.open), MARKER_JSON, body.subarray(cut.end)]);
		const fields = parseObject(rest);
		if (fields.input_ids === MARKER) {
			return {
				bytes: body,
				fields,
				inputIds: cut.ids,
				inputIdsText: body.subarray(cut.open + 1, cut.end - 1),
			};
		}
	}
	const fields = parseObject(body);
	const given = fields.input_ids;
	if (given === undefined || given === null) {
		return { bytes: body, fields, inputIds: null, inputIdsText: null };
	}
	if (!Array.isArray(given) || !given.every((id) => Number.isInteger(id) && id >= 0 && id <= 0x7fffffff)) {
		throw new SimRefusal(400, "input_ids must be a flat list of token ids");
	}
	return { bytes: body, fields, inputIds: Int32Array.from(given as number[]), inputIdsText: null };
}

function parseObject(body: Buffer): JsonRecord {
	let value: unknown;
	try {
		value = JSON.parse(body.toString("utf8"));
	} catch (cause) {
		throw new SimRefusal(400, `request body is not valid JSON: ${(cause as Error).message}`);
	}
	if (typeof value !== "object" || value === null || Array.isArray(value)) {
		throw new SimRefusal(400, "request body must be a JSON object");
	}
	return value as JsonRecord;
}

/** The body again with its numbers as they were spelled, for what a template may print. @throws SimRefusal 400 */
export function losslessBody(bytes: Buffer): JsonObject {
	try {
		const value = parseJson(bytes, { maxDepth: MAX_DEPTH });
		if (value instanceof Map) return value;
	} catch (error) {
		if (!(error instanceof JsonSyntaxError)) throw error;
		throw new SimRefusal(400, `request body is not valid JSON: ${error.message}`);
	}
	throw new SimRefusal(400, "request body must be a JSON object");
}

/** An integer field, or undefined when absent or null. @throws SimRefusal 400 on anything else */
export function integerField(fields: JsonRecord, name: string, min: number): number | undefined {
	const value = fields[name];
	if (value === undefined || value === null) return undefined;
	if (typeof value === "number" && Number.isInteger(value) && value >= min) return value;
	throw new SimRefusal(400, `${name} must be an integer of at least ${min}`);
}

/** A number field, or undefined when absent or null. @throws SimRefusal 400 on anything else */
export function numberField(fields: JsonRecord, name: string, min: number): number | undefined {
	const value = fields[name];
	if (value === undefined || value === null) return undefined;
	if (typeof value === "number" && value >= min) return value;
	throw new SimRefusal(400, `${name} must be a number of at least ${min}`);
}

/** `stop`: one string or a list of them; empty strings are dropped. */
export function stopStrings(fields: JsonRecord): string[] {
	const value = fields.stop;
	if (value === undefined || value === null) return [];
	const list = typeof value === "string" ? [value] : value;
	if (!Array.isArray(list) || !list.every((text) => typeof text === "string")) {
		throw new SimRefusal(400, "stop must be a string or a list of strings");
	}
	return list.filter((text) => text !== "");
}
