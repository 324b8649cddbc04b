// Samples to the container that a trainer reads: tensors and their JSON in one safetensors file (reference section 13.3).
import { writeJson } from "../json/parse.js";
import { JsonNumber, type JsonObject, type JsonValue } from "../json/value.js";
import type { ContainerPiece } from "./later.js";
import { numberOf } from "./merge.js";
import { encodeSafetensors, type Tensor } from "./safetensors.js";
import type { ReplayTensor, Sample } from "./sample.js";

export type EmptyReason = "no_records" | "all_truncated";

export interface ContainerInput {
	samples: readonly Sample[];
	/** JSON text of an object, in pieces. */
	sessionMetadata: readonly string[];
	/** Why there are no samples; null when there are some. */
	emptyReason: EmptyReason | null;
}

export function encodeContainer(input: ContainerInput): ContainerPiece[] {
	const tensors: Array<Tensor<ContainerPiece>> = input.samples.flatMap((sample, index) =>
		tensorsOf(sample, index),
	);
	const meta = Buffer.from(
		`{"samples":[${input.samples.map((sample) => writeJson(metaOf(sample))).join(",")}],` +
			`"session_metadata":${input.sessionMetadata.join("")},"empty_reason":${JSON.stringify(input.emptyReason)}}`,
	);
	tensors.push({ name: "_samples_meta", dtype: "U8", shape: [meta.length], bytes: meta });
	return encodeSafetensors(tensors);
}

function tensorsOf(sample: Sample, index: number): Array<Tensor<ContainerPiece>> {
	const response = [sample.responseLength];
	const tensors: Array<Tensor<ContainerPiece>> = [
		{
			name: `tokens.${index}`,
			dtype: "I64",
			shape: [sample.tokens.length],
			bytes: bytesOf(BigInt64Array.from(sample.tokens, BigInt)),
		},
		{ name: `loss_mask.${index}`, dtype: "U8", shape: response, bytes: sample.lossMask },
		{ name: `rollout_log_probs.${index}`, dtype: "F64", shape: response, bytes: bytesOf(sample.logprobs) },
	];
	const replay = (field: string, tensor: ReplayTensor | null) => {
		if (tensor === null) return;
		const { later = [], shape, values } = tensor;
		const byteLength = later.reduce((sum, payload) => sum + payload.byteLength, 0);
		const bytes = values === null ? { byteLength, payloads: later } : bytesOf(values);
		tensors.push({ name: `${field}.${index}`, dtype: "I32", shape, bytes });
	};
	replay("rollout_routed_experts", sample.routedExperts);
	replay("rollout_indexer_topk", sample.indexerTopk);
	return tensors;
}

function metaOf(sample: Sample): JsonObject {
	const nulls: JsonValue[] = [];
	if (sample.routedExperts === null) nulls.push("rollout_routed_experts");
	if (sample.indexerTopk === null) nulls.push("rollout_indexer_topk");
	const meta: JsonObject = new Map<string, JsonValue>([
		["response", sample.response],
		["response_length", numberOf(sample.responseLength)],
		["status", sample.status],
		["weight_versions", sample.weightVersions],
		[
			"prefix_cache_info",
			new Map([
				["cached_tokens", new JsonNumber(String(sample.prefixCache.cachedTokens))],
				["total_prompt_tokens", new JsonNumber(String(sample.prefixCache.totalPromptTokens))],
			]),
		],
		["metadata", sample.metadata],
	]);
	if (sample.reward !== undefined) meta.set("reward", sample.reward);
	return meta.set("nulls", nulls);
}

/** The array's own bytes; the platforms we run on are little-endian. */
function bytesOf(array: BigInt64Array | Float64Array | Int32Array): Uint8Array {
	return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
