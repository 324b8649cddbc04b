// Samples to the container that a trainer reads: tensors and their JSON in one safetensors file (docs/samples.md).
import { writeJson } from "../json/parse.js";
import type { JsonObject } from "../json/value.js";
import type { ContainerPiece } from "./deferred-payloads.js";
import { encodeSafetensors, type Tensor } from "./safetensors.js";
import type { Sample } from "./sample.js";
import { isOn, JSON_FIELDS, type SamplesWire, TENSOR_FIELDS } from "./wire.js";

export type EmptyReason = "no_records" | "all_truncated";

export interface ContainerInput {
	samples: readonly Sample[];
	/** JSON text of an object, in pieces. */
	sessionMetadata: readonly string[];
	/** Why there are no samples; null when there are some. */
	emptyReason: EmptyReason | null;
	/** What the trainer's decoder knows. */
	wire: SamplesWire;
}

export function encodeContainer(input: ContainerInput): ContainerPiece[] {
	const tensors: Array<Tensor<ContainerPiece>> = [];
	const metas = input.samples.map((sample, index) => {
		const nulls: string[] = [];
		for (const { name, dtype, since, value } of TENSOR_FIELDS) {
			if (!isOn(input.wire, since)) continue;
			const tensor = value(sample);
			if (tensor === null) nulls.push(name);
			else tensors.push({ name: `${name}.${index}`, dtype, ...tensor });
		}
		const meta: JsonObject = new Map();
		for (const { name, since, value } of JSON_FIELDS) {
			const member = isOn(input.wire, since) ? value(sample) : undefined;
			if (member !== undefined) meta.set(name, member);
		}
		return writeJson(meta.set("nulls", nulls));
	});
	const meta = Buffer.from(
		`{"samples":[${metas.join(",")}],` +
			`"session_metadata":${input.sessionMetadata.join("")},"empty_reason":${JSON.stringify(input.emptyReason)}}`,
	);
	tensors.push({ name: "_samples_meta", dtype: "U8", shape: [meta.length], bytes: meta });
	return encodeSafetensors(tensors);
}
