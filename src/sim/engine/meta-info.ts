// Writes `meta_info` as SGLang orders it. Numbers keep Python's spelling, payloads stay streams.
import type { EngineRelease } from "./engine-release.js";
import type { GeneratedReply } from "./generated-reply.js";
import { pythonFloat } from "./python-number.js";
import type { Payload } from "./replay-payload.js";
import type { Vocabulary } from "./vocabulary.js";

/** `[{"version","start","end"}]`: one span, since the simulator's weights change between generations only. */
export function weightVersionSpans(reply: GeneratedReply): string {
	return `[{"version":${JSON.stringify(reply.weightVersion)},"start":0,"end":${reply.completionIds.length}}]`;
}

/** `[logprob, id, text]` each; text is null where the route does not say it. */
export function logprobTriples(
	ids: Int32Array,
	logprobs: readonly string[],
	vocabulary: Vocabulary | null,
): string {
	const triples = new Array<string>(ids.length);
	for (let at = 0; at < ids.length; at++) {
		const id = ids[at] as number;
		triples[at] = `[${logprobs[at]},${id},${vocabulary === null ? "null" : vocabulary.textJsonOf(id)}]`;
	}
	return `[${triples.join(",")}]`;
}

function finishObject(reply: GeneratedReply): string {
	const type = JSON.stringify(reply.finishReason);
	switch (reply.finishReason) {
		case "length":
			return `{"type":${type},"length":${reply.completionIds.length}}`;
		case "abort":
			return reply.neverRan
				? `{"type":${type},"message":"Abort in waiting queue"}`
				: `{"type":${type},"message":"Aborted","status_code":null,"err_type":null}`;
		default:
			return `{"type":${type},"matched":${JSON.stringify(reply.matched)}}`;
	}
}

/**
 * meta_info as body segments: what SGLang says without `--enable-metrics`. A request that was aborted in the queue has
 * neither prompt_tokens nor cached_tokens.
 * @param textVocabulary writes each sampled token's text beside its logprob; null: no text, as on `/generate`
 */
export function metaInfoSegments(
	reply: GeneratedReply,
	release: EngineRelease,
	textVocabulary: Vocabulary | null,
): Array<string | Payload> {
	const { neverRan } = reply;
	const count = reply.completionIds.length;
	const fields = new Map<string, string | Array<string | Payload>>();
	const set = (name: string, json: string | Array<string | Payload>): void => {
		fields.set(name, reply.extraMetaInfo.get(name) ?? json);
	};
	set("id", JSON.stringify(reply.id));
	set("finish_reason", finishObject(reply));
	if (!neverRan) set("prompt_tokens", String(reply.promptTokens));
	set("weight_version", JSON.stringify(reply.weightVersion));
	if (!neverRan) set("num_retractions", "0");
	if (reply.returnLogprobs) {
		set("input_token_logprobs", reply.inputLogprobsText);
		set("output_token_logprobs", logprobTriples(reply.completionIds, reply.logprobs, textVocabulary));
		set("output_token_logprobs_length", String(count));
	}
	if (!neverRan) set("reasoning_tokens", String(reply.reasoningTokens));
	set("completion_tokens", String(count));
	if (!neverRan) set("cached_tokens", String(reply.cachedTokens));
	if (release.weightVersions) set("weight_versions", weightVersionSpans(reply));
	if (!neverRan) {
		set(
			"cached_tokens_details",
			reply.cachedTokens === 0 ? "null" : `{"device":${reply.cachedTokens},"host":0}`,
		);
		if (reply.routedExperts) set("routed_experts", ['"', reply.routedExperts, '"']);
		if (reply.indexer) {
			set("indexer_topk_num_layers", String(reply.indexer.layers));
			set("indexer_topk", ['"', reply.indexer.payload, '"']);
		}
		set("dp_rank", "null");
	}
	set("e2e_latency", pythonFloat(reply.e2eLatencyS));
	set("response_sent_to_client_ts", pythonFloat(reply.sentAtS));
	for (const [name, json] of reply.extraMetaInfo) fields.set(name, json);
	const segments: Array<string | Payload> = [];
	for (const [name, json] of fields) {
		segments.push(`${segments.length === 0 ? "{" : ","}${JSON.stringify(name)}:`);
		segments.push(...(typeof json === "string" ? [json] : json));
	}
	segments.push("}");
	return segments;
}
