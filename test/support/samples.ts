// Reads a reply of POST samples as a trainer does: every tensor is promised, none is left over.
import { decodeSafetensors, type Tensor } from "../../src/samples/safetensors.js";
import type { Reply } from "./worker-rig.js";

export interface SampleMeta {
	response: string;
	response_length: number;
	status: string;
	weight_versions: unknown[];
	prefix_cache_info: { cached_tokens: number; total_prompt_tokens: number };
	metadata: Record<string, unknown>;
	reward?: number | null;
	nulls: string[];
}

export interface ReadSample extends SampleMeta {
	tokens: number[];
	lossMask: string;
	logprobs: number[];
	/** `[shape, values]` */
	routedExperts: [readonly number[], number[]] | null;
	/** Null on the older wire too. */
	samplingMask: { ids: number[]; offsets: number[] } | null;
}

export interface ReadSamples {
	samples: ReadSample[];
	sessionMetadata: Record<string, unknown>;
	emptyReason: string | null;
}

/** @throws Error when the reply is no container, or one that the reference's decoder would refuse */
export function readSamples(reply: Reply): ReadSamples {
	if (reply.status !== 200) throw new Error(`samples answered ${reply.status}: ${reply.text.slice(0, 500)}`);
	const tensors = decodeSafetensors(reply.bytes);
	const take = (name: string, dtype: Tensor["dtype"]) => {
		const tensor = tensors.get(name);
		if (tensor?.dtype !== dtype) throw new Error(`${name} is ${tensor?.dtype ?? "missing"}, not ${dtype}`);
		tensors.delete(name);
		return { shape: tensor.shape, buffer: new Uint8Array(tensor.bytes).buffer };
	};
	const meta = JSON.parse(Buffer.from(take("_samples_meta", "U8").buffer).toString("utf8")) as {
		samples: SampleMeta[];
		session_metadata: Record<string, unknown>;
		empty_reason: string | null;
	};
	const samples = meta.samples.map((sample, index): ReadSample => {
		const replay = (field: string) => {
			if (sample.nulls.includes(field)) return null;
			const { shape, buffer } = take(`${field}.${index}`, "I32");
			return [shape, [...new Int32Array(buffer)]] as [readonly number[], number[]];
		};
		replay("rollout_indexer_topk");
		const onWire =
			sample.nulls.includes("rollout_sampling_mask_ids") || tensors.has(`rollout_sampling_mask_ids.${index}`);
		const ids = onWire ? replay("rollout_sampling_mask_ids") : null;
		const offsets = onWire ? replay("rollout_sampling_mask_offsets") : null;
		return {
			...sample,
			tokens: Array.from(new BigInt64Array(take(`tokens.${index}`, "I64").buffer), Number),
			lossMask: new Uint8Array(take(`loss_mask.${index}`, "U8").buffer).join(""),
			logprobs: [...new Float64Array(take(`rollout_log_probs.${index}`, "F64").buffer)],
			routedExperts: replay("rollout_routed_experts"),
			samplingMask: ids === null || offsets === null ? null : { ids: ids[1], offsets: offsets[1] },
		};
	});
	if (tensors.size > 0) throw new Error(`nobody refers to ${[...tensors.keys()].join(", ")}`);
	return { samples, sessionMetadata: meta.session_metadata, emptyReason: meta.empty_reason };
}
