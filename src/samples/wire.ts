// The fields of a sample that a trainer gets, and since which version of the wire each is there. A table only.
import { JsonNumber, type JsonValue } from "../json/value.js";
import type { ContainerPiece } from "./deferred-payloads.js";
import { numberOf } from "./merge.js";
import type { Dtype } from "./safetensors.js";
import type { ReplayTensor, Sample } from "./sample.js";

/** Versions of the container, oldest first; a trainer's decoder knows one, and refuses what it does not expect. */
export const SAMPLES_WIRES = ["2026-08", "2026-09"] as const;
export type SamplesWire = (typeof SAMPLES_WIRES)[number];
export const NEWEST_WIRE: SamplesWire = "2026-09";

export interface TensorValue {
	shape: readonly number[];
	bytes: ContainerPiece;
}

export interface TensorField {
	name: string;
	dtype: Dtype;
	since: SamplesWire;
	/** Null where the sample has none: then it is named in `nulls`. */
	value(sample: Sample): TensorValue | null;
}

/** In the order in which absent ones are named. */
export const TENSOR_FIELDS: readonly TensorField[] = [
	{
		name: "tokens",
		dtype: "I64",
		since: "2026-08",
		value: ({ tokens }) => ({
			shape: [tokens.length],
			bytes: bytesOf(BigInt64Array.from(tokens, BigInt)),
		}),
	},
	{
		name: "loss_mask",
		dtype: "U8",
		since: "2026-08",
		value: ({ lossMask, responseLength }) => ({ shape: [responseLength], bytes: lossMask }),
	},
	{
		name: "rollout_log_probs",
		dtype: "F64",
		since: "2026-08",
		value: ({ logprobs, responseLength }) => ({ shape: [responseLength], bytes: bytesOf(logprobs) }),
	},
	{
		name: "rollout_routed_experts",
		dtype: "I32",
		since: "2026-08",
		value: ({ routedExperts }) => tensorValue(routedExperts),
	},
	{
		name: "rollout_indexer_topk",
		dtype: "I32",
		since: "2026-08",
		value: ({ indexerTopk }) => tensorValue(indexerTopk),
	},
	{
		name: "rollout_sampling_mask_ids",
		dtype: "I32",
		since: "2026-09",
		value: ({ samplingMask }) => list(samplingMask?.ids),
	},
	{
		name: "rollout_sampling_mask_offsets",
		dtype: "I32",
		since: "2026-09",
		value: ({ samplingMask }) => list(samplingMask?.offsets),
	},
];

export interface JsonField {
	name: string;
	since: SamplesWire;
	/** Undefined where the reply has no such key. */
	value(sample: Sample): JsonValue | undefined;
}

export const JSON_FIELDS: readonly JsonField[] = [
	{ name: "response", since: "2026-08", value: ({ response }) => response },
	{ name: "response_length", since: "2026-08", value: ({ responseLength }) => numberOf(responseLength) },
	{ name: "status", since: "2026-08", value: ({ status }) => status },
	{ name: "weight_versions", since: "2026-08", value: ({ weightVersions }) => weightVersions },
	{
		name: "prefix_cache_info",
		since: "2026-08",
		value: ({ prefixCache }) =>
			new Map([
				["cached_tokens", new JsonNumber(String(prefixCache.cachedTokens))],
				["total_prompt_tokens", new JsonNumber(String(prefixCache.totalPromptTokens))],
			]),
	},
	{ name: "metadata", since: "2026-08", value: ({ metadata }) => metadata },
	{ name: "reward", since: "2026-08", value: ({ reward }) => reward },
];

/** Whether a field of `since` is on a wire of version `wire`. */
export function isOn(wire: SamplesWire, since: SamplesWire): boolean {
	return SAMPLES_WIRES.indexOf(since) <= SAMPLES_WIRES.indexOf(wire);
}

function tensorValue(tensor: ReplayTensor | null): TensorValue | null {
	if (tensor === null) return null;
	const { deferred = [], shape, values } = tensor;
	const byteLength = deferred.reduce((sum, payload) => sum + payload.byteLength, 0);
	return { shape, bytes: values === null ? { byteLength, payloads: deferred } : bytesOf(values) };
}

function list(values: Int32Array | undefined): TensorValue | null {
	return values === undefined ? null : { shape: [values.length], bytes: bytesOf(values) };
}

/** The array's own bytes; the platforms we run on are little-endian. */
function bytesOf(array: BigInt64Array | Float64Array | Int32Array): Uint8Array {
	return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
