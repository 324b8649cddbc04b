// Writes a chat reply's JSON by hand, in SGLang's key order: numbers keep Python's spelling, payloads stay streams.
import type { EngineRelease } from "./engine-release.js";
import type { GeneratedReply } from "./generated-reply.js";
import { metaInfoSegments, weightVersionSpans } from "./meta-info.js";
import type { Payload } from "./replay-payload.js";
import type { Vocabulary } from "./vocabulary.js";

/** A piece of a body: bytes, or a payload whose text is made while it is sent. */
export type Segment = Buffer | Payload;

/** Length of a body in bytes. */
export function bodyLength(segments: readonly Segment[]): number {
	return segments.reduce((sum, segment) => sum + segment.byteLength, 0);
}

function messageText(reply: GeneratedReply, release: EngineRelease): string {
	if (reply.messageJson !== null) return reply.messageJson;
	const { content, reasoning, calls } = reply.message;
	const spelled = calls?.map((call, at) => {
		const definition = `{"name":${JSON.stringify(call.name)},"arguments":${JSON.stringify(call.argumentsText)}}`;
		const index = release.indexIsToolPlace ? call.toolPlace : at;
		return `{"id":"${reply.callIds[at]}","index":${index},"type":"function","function":${definition}}`;
	});
	const toolCalls = spelled ? `[${spelled.join(",")}]` : release.nullToolCalls ? "null" : null;
	return (
		`{"role":"assistant","content":${JSON.stringify(content)},` +
		`"reasoning_content":${JSON.stringify(reasoning)}` +
		`${toolCalls === null ? "" : `,"tool_calls":${toolCalls}`}}`
	);
}

/** `choices[0].logprobs` in OpenAI's form: text, bytes and logprob of every id. */
function choiceLogprobs(reply: GeneratedReply, vocabulary: Vocabulary): string {
	const entries = new Array<string>(reply.completionIds.length);
	for (let at = 0; at < entries.length; at++) {
		const token = vocabulary.jsonOf(reply.completionIds[at] as number);
		entries[at] = `{${token},"logprob":${reply.logprobs[at]},"top_logprobs":[]}`;
	}
	return `{"content":[${entries.join(",")}]}`;
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

/** `usage` and `metadata`, which chat and completions replies end with. */
export function replyEnd(reply: GeneratedReply, release: EngineRelease): string {
	const completionTokens = reply.completionIds.length;
	const promptTokens = reply.neverRan ? 0 : reply.promptTokens;
	const details = reply.reasoningTokens > 0 ? `{"reasoning_tokens":${reply.reasoningTokens}}` : "null";
	const spans = release.weightVersions ? `,"weight_versions":${weightVersionSpans(reply)}` : "";
	return (
		`"usage":{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens + completionTokens},` +
		`"completion_tokens":${completionTokens},"prompt_tokens_details":null,` +
		`"reasoning_tokens":${reply.reasoningTokens}` +
		`${release.completionTokensDetails ? `,"completion_tokens_details":${details}` : ""}},` +
		`"metadata":{"weight_version":${JSON.stringify(reply.weightVersion)}${spans}}`
	);
}

/** The body of a `/v1/chat/completions` reply, compact JSON. */
export function chatReply(reply: GeneratedReply, release: EngineRelease, vocabulary: Vocabulary): Segment[] {
	const pieces: Array<string | Segment> = [
		`{"id":${JSON.stringify(reply.id)},"object":"chat.completion","created":${reply.createdS},` +
			`"model":${JSON.stringify(reply.model)},"choices":[{"index":0,"message":${messageText(reply, release)},` +
			`"logprobs":${reply.returnLogprobs ? choiceLogprobs(reply, vocabulary) : "null"},` +
			`"finish_reason":${JSON.stringify(reply.finishReason)},"matched_stop":${JSON.stringify(reply.matched)}`,
	];
	if (reply.promptIdsText) pieces.push(',"prompt_token_ids":[', reply.promptIdsText, "]");
	if (reply.returnMetaInfo) pieces.push(',"meta_info":', ...metaInfoSegments(reply, release, vocabulary));
	pieces.push(`}],${replyEnd(reply, release)}}`);
	return toSegments(pieces);
}
