// What a training sample is while it is put together: values only. Knows no session, store or wire format.
import type { JsonObject, JsonValue } from "../json/value.js";

export type SampleStatus = "pending" | "completed" | "truncated" | "aborted" | "failed";

/** Why no sample can be made of what is recorded; its message is the body of a 422. */
export class SampleError extends Error {
	constructor(message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = "SampleError";
	}
}

/** One payload in the store, as the engine wrote it. */
export interface PayloadRef {
	/** `n` of the store's part `payload:<n>`. */
	index: number;
	/** Bytes of its text: base64, or the part of a list between its brackets. */
	length: number;
	/** Its bytes were deleted (`--r3-keep latest`). */
	dropped?: boolean;
}

/** The first `byteLength` decoded bytes of one stored payload: too large to hold, so it is read and decoded while it is sent. */
export interface DeferredPayload {
	turn: number;
	index: number;
	/** Characters of base64 in all. */
	base64Length: number;
	byteLength: number;
	/** What it is called in an error. */
	what: string;
}

/** What the engine's `meta_info` says of a turn, apart from ids and logprobs. */
export interface ReplyMeta {
	/** As the engine spelled it; undefined when it sent none. */
	weightVersion: JsonValue | undefined;
	cachedTokens: number;
	promptTokens: number;
	/** Seconds; null when the engine did not say. */
	e2eLatencyS: number | null;
	routedExperts: PayloadRef | null;
	indexerTopk: PayloadRef | null;
	/** JSON text of `output_token_sampling_mask` between its outer brackets: one list of ids for each sampled token. */
	samplingMask: PayloadRef | null;
	/** `indexer_topk_num_layers`. */
	indexerLayers: number | null;
}

/** One turn of a path, as stored: only what it adds to the turn before it. */
export interface PathTurn {
	/** The store's turn id. */
	turn: number;
	/** Ids dropped from the end of the sequence so far. */
	trimCount: number;
	promptIds: Int32Array;
	completionIds: Int32Array;
	/** One for each completion id. */
	logprobs: Float64Array;
	finishReason: string | null;
	/** Float Unix seconds. */
	committedAt: number;
	requestedAt: number | null;
	/** Rows that the routed-experts payload starts at (`--r3 incremental`), else null. */
	routedExpertsStartLen: number | null;
	meta: ReplyMeta;
}

/** Rows of int32, `[rows, layers, topk]`. */
export interface ReplayTensor {
	/** Null when there are too many to hold. */
	values: Int32Array | null;
	/** The payloads to read them from then. */
	deferred?: readonly DeferredPayload[];
	shape: readonly [number, number, number];
}

/** Rows of token ids: row `n` is `ids` from `offsets[n]` to `offsets[n + 1]`. */
export interface SamplingMask {
	ids: Int32Array;
	/** One more than there are rows; the first is 0. */
	offsets: Int32Array;
}

export interface Sample {
	/** Prompt and everything after it. */
	tokens: Int32Array;
	/** Ids after the first prompt; the length of `lossMask` and `logprobs`. */
	responseLength: number;
	lossMask: Uint8Array;
	logprobs: Float64Array;
	response: string;
	status: SampleStatus;
	weightVersions: JsonValue[];
	prefixCache: { cachedTokens: number; totalPromptTokens: number };
	metadata: JsonObject;
	routedExperts: ReplayTensor | null;
	indexerTopk: ReplayTensor | null;
	/** What each token after the first prompt was sampled from; null without sampling replay. */
	samplingMask: SamplingMask | null;
	/** Tree mode: set by the postprocessor; undefined in linear mode, where the reply has no such key. */
	reward?: JsonValue;
}
