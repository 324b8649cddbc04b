// One path of turns to one sample: align, truncate, merge, replay, text. Reads payloads and decodes through what it is given.
import type { JsonObject } from "../json/value.js";
import { alignPath } from "./align.js";
import { mergeTurns } from "./merge.js";
import { checkFullPayload, type ReadPayload, readFull, readIncremental } from "./replay.js";
import type { PathTurn, Sample } from "./sample.js";
import { readSamplingMask } from "./sampling-mask.js";
import { type KeptTurn, truncateTurns } from "./truncate.js";

export interface AssembleOptions {
	maxTrimTokens: number;
	maxSeqLen: number | null;
	/** How routed-experts payloads were asked for. */
	r3: "off" | "full" | "incremental";
	/** Whether the sampling masks are wanted. */
	samplingMask: boolean;
	/** Layers of the model; null when the checkpoint does not say. */
	numLayers: number | null;
}

export interface AssembleSources {
	payload: ReadPayload;
	/** Texts of several id lists, special tokens kept. */
	decode: (lists: readonly Int32Array[]) => Promise<string[]>;
}

/** Null when `maxSeqLen` leaves nothing. @throws SampleError */
export async function assemblePath(
	turns: readonly PathTurn[],
	options: AssembleOptions,
	sources: AssembleSources,
): Promise<Sample | null> {
	const path = alignPath(turns, options.maxTrimTokens);
	const incremental = options.r3 === "incremental";
	for (const turn of path.turns) {
		if (!incremental) checkFullPayload(turn, "routedExperts", options.numLayers);
		checkFullPayload(turn, "indexerTopk", turn.source.meta.indexerLayers);
	}
	const [first, ...rest] = truncateTurns(path.turns, options.maxSeqLen);
	if (first === undefined) return null;
	const kept: [KeptTurn, ...KeptTurn[]] = [first, ...rest];
	const merged = mergeTurns(kept, path.tokens, {
		gapFields: incremental ? ["indexerTopk"] : ["routedExperts", "indexerTopk"],
	});
	const last = kept[merged.count - 1] ?? first;
	const rows = Math.max(0, merged.tokens.length - 1);
	const metadata: JsonObject = new Map([["lifecycle", merged.lifecycle]]);
	const texts = await sources.decode(
		merged.textRanges.map(([start, end]) => merged.tokens.subarray(start, end)),
	);
	return {
		tokens: merged.tokens,
		responseLength: merged.responseLength,
		lossMask: merged.lossMask,
		logprobs: merged.logprobs,
		response: texts.join(""),
		status: merged.status,
		weightVersions: merged.weightVersions,
		prefixCache: merged.prefixCache,
		metadata,
		routedExperts: incremental
			? await readIncremental(path.turns, rows, options.numLayers, sources.payload)
			: await readFull(last, "routedExperts", options.numLayers, sources.payload),
		indexerTopk: await readFull(last, "indexerTopk", last.source.meta.indexerLayers, sources.payload),
		samplingMask: options.samplingMask ? await readSamplingMask(kept, merged, sources.payload) : null,
	};
}
