// What a worker sees of the engine: a request goes out, one validated generation comes back.
import type { JsonObject } from "../json/value.js";

/** Replay payloads of meta_info, which the record keeps and the client does not get. */
export type PayloadField =
	| "routed_experts"
	| "indexer_topk"
	| "output_token_sampling_mask"
	| "output_token_sampling_logprobs"
	| "output_token_sampling_mask_length";

/** A piece cut out of the reply's bytes, in the order in which it stood. */
export interface CutRange {
	/**
	 * Offset in the remaining reply bytes at which the piece is put back. Of a string, a list or an object the quotes or
	 * brackets stay, so that what remains is JSON; a number or literal stays whole, behind its offset, and its piece is empty.
	 */
	offset: number;
	field: PayloadField | "prompt_token_ids";
	choice: number;
	/** Its first bytes are so many of the known payload's, which were compared and not kept. */
	shared: number;
	/** The cut bytes behind those; large ones in several chunks. */
	bytes: readonly Buffer[];
	/** Of both. */
	byteLength: number;
}

/** A reply with status 200 that passed every check of contract section 5.5. */
export interface Generation {
	/** The reply's bytes with `cuts` taken out. */
	reply: Buffer;
	cuts: readonly CutRange[];
	/** Choice 0's message: its byte range in `reply`, and its value. */
	messageRange: { start: number; end: number };
	message: JsonObject;
	finishReason: string | null;
	completionIds: Int32Array;
	logprobs: Float64Array;
	responseId: string;
	/** Engine's content-type and the other headers that may reach the client, lower-case names. */
	headers: ReadonlyArray<readonly [string, string]>;
	/** Small facts for the SSE form and the logs. */
	weightVersion: string | null;
	/** Time spent on checking the reply once it was whole. */
	validateMs: number;
}

/** Anything but 200 is the engine's own answer and passes through as it is. */
export interface EngineRefusal {
	status: number;
	headers: ReadonlyArray<readonly [string, string]>;
	body: Buffer;
}
