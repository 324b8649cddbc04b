// The messages of one chat request as bytes and lazily parsed values. Parses only what somebody asks for.
import { RollpinError } from "../../base/errors.js";
import { parseJsonPart, type ValueBudget } from "../../json/parse.js";
import type { JsonObject } from "../../json/value.js";

export interface ByteRange {
	start: number;
	end: number;
}

/** An earlier request's messages, byte for byte, that a new request may repeat at its beginning. */
export interface EarlierMessages {
	/** The bytes between the brackets of `messages`. */
	content: Buffer;
	count: number;
}

/** JSON values and keys of one message: it is read in one go, and nobody else is served meanwhile. */
const MAX_MESSAGE_VALUES = 20_000;

const KNOWN_ROLES = new Set(["system", "user", "assistant", "tool", "developer", "function"]);

/**
 * `messages` of one request. When it repeats `earlier` byte for byte, only the elements after those have
 * ranges at first: that keeps a turn's cost from growing with its history.
 */
export class RequestMessages {
	/** The bytes between the brackets. */
	readonly content: Buffer;
	readonly count: number;
	/** What it repeats, or null. */
	readonly earlier: EarlierMessages | null;
	readonly #tail: readonly ByteRange[];
	readonly #rescan: () => readonly ByteRange[];
	readonly #maxDepth: number;
	readonly #budget: ValueBudget;
	#all: readonly ByteRange[] | null = null;
	readonly #values = new Map<number, JsonObject>();

	/**
	 * @param tail ranges in `content` of the elements after `earlier` (of all elements without one)
	 * @param rescan finds the ranges of all elements; called at most once, and only off the fast path
	 */
	constructor(options: {
		content: Buffer;
		tail: readonly ByteRange[];
		earlier: EarlierMessages | null;
		rescan: () => readonly ByteRange[];
		maxDepth: number;
		budget: ValueBudget;
	}) {
		this.content = options.content;
		this.earlier = options.earlier;
		this.#tail = options.tail;
		this.#rescan = options.rescan;
		this.#maxDepth = options.maxDepth;
		this.#budget = options.budget;
		this.count = (options.earlier?.count ?? 0) + options.tail.length;
	}

	/** Byte range of message `index` in `content`. */
	range(index: number): ByteRange {
		const known = this.earlier?.count ?? 0;
		let range = index >= known ? this.#tail[index - known] : undefined;
		if (range === undefined && index < known) {
			this.#all ??= this.#rescan();
			range = this.#all[index];
		}
		if (range === undefined) throw new RangeError(`message ${index} of ${this.count}`);
		return range;
	}

	/** The message's own bytes. */
	bytes(index: number): Buffer {
		const { start, end } = this.range(index);
		return this.content.subarray(start, end);
	}

	/** The message's value. Throws RollpinError `invalid_messages` naming the index when it is not a message. */
	value(index: number): JsonObject {
		let value = this.#values.get(index);
		if (value === undefined) {
			value = checkMessage(
				parseJsonPart(this.bytes(index), MAX_MESSAGE_VALUES, {
					maxDepth: this.#maxDepth,
					budget: this.#budget,
				}),
				index,
			);
			this.#values.set(index, value);
		}
		return value;
	}

	/** Checks every message after `earlier`, one in each step; those before were checked when they first came. */
	*validate(): Generator<undefined, void, void> {
		for (let index = this.earlier?.count ?? 0; index < this.count; index++) {
			this.value(index);
			yield;
		}
	}
}

function checkMessage(value: unknown, index: number): JsonObject {
	if (!(value instanceof Map)) {
		throw invalid(index, 'is not an object; send {"role": ..., "content": ...}');
	}
	const message = value as JsonObject;
	const role = message.get("role");
	if (typeof role !== "string" || !KNOWN_ROLES.has(role)) {
		throw invalid(index, `has no known role; use one of ${[...KNOWN_ROLES].join(", ")}`);
	}
	const content = message.get("content");
	if (content !== undefined && content !== null && typeof content !== "string") {
		if (!Array.isArray(content))
			throw invalid(index, "has content that is neither text, a list of parts nor null");
		content.forEach((part, at) => {
			if (!(part instanceof Map)) throw invalid(index, `has a content part at ${at} that is not an object`);
		});
	}
	const calls = message.get("tool_calls");
	if (calls !== undefined && calls !== null) {
		if (!Array.isArray(calls)) throw invalid(index, "has tool_calls that are not a list");
		calls.forEach((call, at) => {
			if (!(call instanceof Map)) throw invalid(index, `has a tool call at ${at} that is not an object`);
		});
	}
	return message;
}

function invalid(index: number, what: string): RollpinError {
	return new RollpinError("invalid_messages", `messages[${index}] ${what}`);
}
