// Writes a chat reply's JSON by hand: numbers keep Python's spelling, payloads stay streams. Decides nothing.
import type { ReplyMessage } from "./composition.js";
import type { Payload } from "./replay-payload.js";
import type { Vocabulary } from "./vocabulary.js";

/** A piece of a body: bytes, or a payload whose text is made while it is sent. */
export type Segment = Buffer | Payload;

export interface ReplyFacts {
	/** 32 hex digits, or the request's rid. */
	id: string;
	createdS: number;
	model: string;
	message: ReplyMessage;
	/** JSON text of a whole message that replaces `message`; from a script. */
	messageJson: string | null;
	callIds: readonly string[];
	/** As on the wire: stop, length, tool_calls, abort. */
	finishReason: string;
	/** As in meta_info: stop, length, abort. */
	finishType: string;
	matched: number | string | null;
	promptTokens: number;
	cachedTokens: number;
	completionIds: Int32Array;
	logprobs: readonly string[];
	e2eLatencyS: number;
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

/** Length of a body in bytes. */
export function bodyLength(segments: readonly Segment[]): number {
	return segments.reduce((sum, segment) => sum + segment.byteLength, 0);
}

function messageText(facts: ReplyFacts): string {
	if (facts.messageJson !== null) return facts.messageJson;
	const { content, reasoning, calls } = facts.message;
	const spelled = calls.map((call, at) => {
		const definition = `{"name":${JSON.stringify(call.name)},"arguments":${JSON.stringify(call.argumentsText)}}`;
		return `{"id":"${facts.callIds[at]}","index":${call.index},"type":"function","function":${definition}}`;
	});
	return (
		`{"role":"assistant","content":${JSON.stringify(content)},` +
		`"reasoning_content":${JSON.stringify(reasoning)},` +
		`"tool_calls":${calls.length === 0 ? "null" : `[${spelled.join(",")}]`}}`
	);
}

function outputLogprobs(facts: ReplyFacts): string {
	let text = "";
	for (let at = 0; at < facts.completionIds.length; at++) {
		text += `${at === 0 ? "" : ","}[${facts.logprobs[at]},${facts.completionIds[at]},null]`;
	}
	return `[${text}]`;
}

/** `choices[0].logprobs` in OpenAI's form: text, bytes and logprob of every id. */
function choiceLogprobs(facts: ReplyFacts, vocabulary: Vocabulary): string {
	let text = "";
	for (let at = 0; at < facts.completionIds.length; at++) {
		const token = vocabulary.jsonOf(facts.completionIds[at] as number);
		text += `${at === 0 ? "" : ","}{${token},"logprob":${facts.logprobs[at]},"top_logprobs":[]}`;
	}
	return `{"content":[${text}]}`;
}

function finishObject(facts: ReplyFacts): string {
	const matched = facts.matched === null ? "" : `,"matched":${JSON.stringify(facts.matched)}`;
	const length = facts.finishType === "length" ? `,"length":${facts.completionIds.length}` : "";
	return `{"type":${JSON.stringify(facts.finishType)}${matched}${length}}`;
}

/** meta_info without its closing brace and without payloads. */
function metaInfoOpening(facts: ReplyFacts): string {
	const fields = new Map<string, string>([
		["id", JSON.stringify(facts.id)],
		["finish_reason", finishObject(facts)],
		["prompt_tokens", String(facts.promptTokens)],
		["weight_version", JSON.stringify(facts.weightVersion)],
		["total_retractions", "0"],
		["completion_tokens", String(facts.completionIds.length)],
		["cached_tokens", String(facts.cachedTokens)],
		["e2e_latency", String(facts.e2eLatencyS)],
	]);
	if (facts.returnLogprobs) fields.set("output_token_logprobs", outputLogprobs(facts));
	for (const [name, json] of facts.extraMetaInfo) fields.set(name, json);
	return `{${[...fields].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(",")}`;
}

/** meta_info as body segments, payloads last. */
export function metaInfoSegments(facts: ReplyFacts): Array<string | Payload> {
	const segments: Array<string | Payload> = [metaInfoOpening(facts)];
	if (facts.routedExperts) segments.push(',"routed_experts":"', facts.routedExperts, '"');
	if (facts.indexer) {
		segments.push(`,"indexer_topk_num_layers":${facts.indexer.layers},"indexer_topk":"`);
		segments.push(facts.indexer.payload, '"');
	}
	segments.push("}");
	return segments;
}

/** Joins neighbouring texts into buffers. */
export function toSegments(pieces: ReadonlyArray<string | Segment>): Segment[] {
	const segments: Segment[] = [];
	let text = "";
	for (const piece of pieces) {
		if (typeof piece === "string") {
			text += piece;
			continue;
		}
		if (text !== "") segments.push(Buffer.from(text, "utf8"));
		text = "";
		segments.push(piece);
	}
	if (text !== "") segments.push(Buffer.from(text, "utf8"));
	return segments;
}

/** The body of a `/v1/chat/completions` reply, compact JSON. */
export function chatReply(facts: ReplyFacts, vocabulary: Vocabulary): Segment[] {
	const completionTokens = facts.completionIds.length;
	const pieces: Array<string | Segment> = [
		`{"id":${JSON.stringify(facts.id)},"object":"chat.completion","created":${facts.createdS},` +
			`"model":${JSON.stringify(facts.model)},"choices":[{"index":0,"message":${messageText(facts)},` +
			`"logprobs":${facts.returnLogprobs ? choiceLogprobs(facts, vocabulary) : "null"},` +
			`"finish_reason":${JSON.stringify(facts.finishReason)},"matched_stop":${JSON.stringify(facts.matched)}`,
	];
	if (facts.returnMetaInfo) pieces.push(',"meta_info":', ...metaInfoSegments(facts));
	if (facts.promptIdsText) pieces.push(',"prompt_token_ids":[', facts.promptIdsText, "]");
	pieces.push(
		`}],"usage":{"prompt_tokens":${facts.promptTokens},"total_tokens":${facts.promptTokens + completionTokens},` +
			`"completion_tokens":${completionTokens},"prompt_tokens_details":{"cached_tokens":${facts.cachedTokens}}},` +
			`"metadata":{"weight_version":${JSON.stringify(facts.weightVersion)}}}`,
	);
	return toSegments(pieces);
}
