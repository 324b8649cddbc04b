// What a worker sees of the engine: a request goes out, one validated generation comes back.
import type { Excerpt } from "../base/excerpt.js";
import type { JsonObject } from "../json/value.js";

/** A reply with status 200 that passed every check. */
export interface Generation {
	/** The reply without its excerpts. */
	reply: Buffer;
	excerpts: readonly Excerpt[];
	/** Choice 0's message: its byte range in `reply`, and its value. */
	messageRange: { start: number; end: number };
	message: JsonObject;
	finishReason: string | null;
	completionIds: Int32Array;
	logprobs: Float64Array;
	responseId: string;
	/** Engine's content-type and the other headers that may reach the client, lower-case names. */
	headers: ReadonlyArray<readonly [string, string]>;
	/** Time spent on checking the reply once it was whole. */
	validateMs: number;
}

/** Anything but 200 is the engine's own answer and passes through as it is. */
export interface EngineRefusal {
	status: number;
	headers: ReadonlyArray<readonly [string, string]>;
	body: Buffer;
}
