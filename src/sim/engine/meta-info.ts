// Writes `meta_info` as SGLang orders it. Numbers keep Python's spelling, payloads stay streams.
import type { EngineRelease } from "./engine-release.js";
import { pythonFloat } from "./python-number.js";
import type { Payload } from "./replay-payload.js";
import type { ReplyFacts } from "./reply-facts.js";
import type { Vocabulary } from "./vocabulary.js";

/** `[{"version","start","end"}]`: one span, since the simulator's weights change between generations only. */
export function weightVersionSpans(facts: ReplyFacts): string {
	return `[{"version":${JSON.stringify(facts.weightVersion)},"start":0,"end":${facts.completionIds.length}}]`;
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

function finishObject(facts: ReplyFacts): string {
	const type = JSON.stringify(facts.finishReason);
	switch (facts.finishReason) {
		case "length":
			return `{"type":${type},"length":${facts.completionIds.length}}`;
		case "abort":
			return facts.neverRan
				? `{"type":${type},"message":"Abort in waiting queue"}`
				: `{"type":${type},"message":"Aborted","status_code":null,"err_type":null}`;
		default:
			return `{"type":${type},"matched":${JSON.stringify(facts.matched)}}`;
	}
}

/**
 * meta_info as body segments: what SGLang says without `--enable-metrics`. A request that was aborted in the queue has
 * neither prompt_tokens nor cached_tokens.
 * @param textVocabulary writes each sampled token's text beside its logprob; null: no text, as on `/generate`
 */
export function metaInfoSegments(
	facts: ReplyFacts,
	release: EngineRelease,
	textVocabulary: Vocabulary | null,
): Array<string | Payload> {
	const { neverRan } = facts;
	const count = facts.completionIds.length;
	const fields = new Map<string, string | Array<string | Payload>>();
	const set = (name: string, json: string | Array<string | Payload>): void => {
		fields.set(name, facts.extraMetaInfo.get(name) ?? json);
	};
	set("id", JSON.stringify(facts.id));
	set("finish_reason", finishObject(facts));
	if (!neverRan) set("prompt_tokens", String(facts.promptTokens));
	set("weight_version", JSON.stringify(facts.weightVersion));
	if (!neverRan) set("num_retractions", "0");
	if (facts.returnLogprobs) {
		set("input_token_logprobs", facts.inputLogprobsText);
		set("output_token_logprobs", logprobTriples(facts.completionIds, facts.logprobs, textVocabulary));
		set("output_token_logprobs_length", String(count));
	}
	if (!neverRan) set("reasoning_tokens", String(facts.reasoningTokens));
	set("completion_tokens", String(count));
	if (!neverRan) set("cached_tokens", String(facts.cachedTokens));
	if (release.weightVersions) set("weight_versions", weightVersionSpans(facts));
	if (!neverRan) {
		set(
			"cached_tokens_details",
			facts.cachedTokens === 0 ? "null" : `{"device":${facts.cachedTokens},"host":0}`,
		);
		if (facts.routedExperts) set("routed_experts", ['"', facts.routedExperts, '"']);
		if (facts.indexer) {
			set("indexer_topk_num_layers", String(facts.indexer.layers));
			set("indexer_topk", ['"', facts.indexer.payload, '"']);
		}
		set("dp_rank", "null");
	}
	set("e2e_latency", pythonFloat(facts.e2eLatencyS));
	set("response_sent_to_client_ts", pythonFloat(facts.sentAtS));
	for (const [name, json] of facts.extraMetaInfo) fields.set(name, json);
	const segments: Array<string | Payload> = [];
	for (const [name, json] of fields) {
		segments.push(`${segments.length === 0 ? "{" : ","}${JSON.stringify(name)}:`);
		segments.push(...(typeof json === "string" ? [json] : json));
	}
	segments.push("}");
	return segments;
}
