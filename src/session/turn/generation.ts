// The seam between a session and the engine: plain values in, plain values out. The worker connects the two.
import type { CancelSignal } from "../../base/cancellation.js";
import type { Excerpt } from "../../base/excerpt.js";
import type { JsonObject, JsonValue } from "../../json/value.js";
import type { PartCursor } from "../../store/store.js";

/** The prompt of one turn as it goes upstream. */
export interface EnginePrompt {
	/** The ids as comma-separated decimals, in pieces; stored tokens first, nothing rebuilt. */
	text: readonly Buffer[];
	/** Number of ids. */
	length: number;
	/** Replay rows that the turn built upon already holds: one less than its tokens, which this prompt repeats. */
	heldRows: number;
	kwargs: JsonObject;
}

/** What was sent, for the record: the body without the contents of `messages` and `input_ids`. */
export interface SentRequest {
	bytes: readonly Uint8Array[];
	holes: { messages: number; inputIds: number };
	/** Rows the reply's routed experts start at; null when all were asked for, or none. */
	routedExpertsStartLen: number | null;
}

/** A generation that passed every check. */
export interface GeneratedReply {
	reply: Buffer;
	excerpts: readonly Excerpt[];
	/** Called once nobody uses the bytes of the payloads any more; those of the prompt ids stay. */
	giveBack?: () => void;
	messageRange: { start: number; end: number };
	message: JsonObject;
	finishReason: string | null;
	completionIds: Int32Array;
	logprobs: Float64Array;
	responseId: string;
}

export type GenerateOutcome<Generated extends GeneratedReply, Refused> =
	/** `readMs`: time spent on checking the reply once it was whole. */
	| { kind: "generated"; generation: Generated; sent: SentRequest; readMs: number }
	/** The engine answered something else than 200: its business with the client, nothing is recorded. */
	| { kind: "refused"; refusal: Refused };

/**
 * Sends the prompt and waits for the validated reply. Must end at once when `signal` fires.
 * @param stored payloads of the turn built upon, which those of the reply are likely to begin as; closed by the callee
 */
export type Generate<Generated extends GeneratedReply, Refused> = (
	prompt: EnginePrompt,
	signal: CancelSignal,
	stored: readonly PartCursor[],
) => Promise<GenerateOutcome<Generated, Refused>>;

/** The template-relevant rest of a chat request. */
export interface TemplateInput {
	tools: readonly JsonValue[] | undefined;
	kwargs: JsonObject | undefined;
}
