// What a chat reply of the simulated engine says, before it is spelled. Values only.
import type { ReplyMessage } from "./composition.js";
import type { Payload } from "./replay-payload.js";

export interface GeneratedReply {
	/** 32 hex digits, or the request's rid. */
	id: string;
	createdS: number;
	model: string;
	message: ReplyMessage;
	/** JSON text of a whole message that replaces `message`; from a script. */
	messageJson: string | null;
	callIds: readonly string[];
	/** stop, length, tool_calls, abort; a script may say anything. */
	finishReason: string;
	/** The stop id or stop string; null where a tool call ended it, too. */
	matched: number | string | null;
	/** It was aborted in the queue: SGLang then says less. */
	neverRan: boolean;
	promptTokens: number;
	cachedTokens: number;
	/** Sampled ids that belong to the reasoning. */
	reasoningTokens: number;
	completionIds: Int32Array;
	logprobs: readonly string[];
	/** JSON text of `input_token_logprobs`. */
	inputLogprobsText: string;
	e2eLatencyS: number;
	/** Unix time of the answer in seconds. */
	sentAtS: number;
	weightVersion: string;
	returnMetaInfo: boolean;
	returnLogprobs: boolean;
	/** Text of the ids between their brackets; null: not asked for. */
	promptIdsText: Buffer | null;
	routedExperts: Payload | null;
	indexer: { payload: Payload; layers: number } | null;
	/** JSON texts of meta_info fields that a script adds or replaces. */
	extraMetaInfo: ReadonlyMap<string, string>;
}
