// Paths of turns for table tests: short ids, one logprob an id.
import type { PathTurn, ReplyMeta } from "../../src/samples/sample.js";

const NO_META: ReplyMeta = {
	weightVersion: undefined,
	cachedTokens: 0,
	promptTokens: 0,
	e2eLatencyS: null,
	routedExperts: null,
	indexerTopk: null,
	samplingMask: null,
	indexerLayers: null,
};

export interface Given {
	prompt: number[];
	out: number[];
	trim?: number;
	finish?: string | null;
	meta?: Partial<ReplyMeta>;
	start?: number | null;
}

/** Turns 0, 1, ... committed at second 100, 200, ...; logprobs are -0, -1, -2, ... in each. */
export function path(...turns: Given[]): PathTurn[] {
	return turns.map(({ prompt, out, trim = 0, finish = "stop", meta = {}, start = null }, index) => ({
		turn: index,
		trimCount: trim,
		promptIds: Int32Array.from(prompt),
		completionIds: Int32Array.from(out),
		logprobs: Float64Array.from(out, (_, at) => -at),
		finishReason: finish,
		committedAt: (index + 1) * 100,
		requestedAt: (index + 1) * 100 - 10,
		routedExpertsStartLen: start,
		meta: { ...NO_META, ...meta },
	}));
}

/** Base64 of int32 values. */
export function base64Of(values: readonly number[]): Buffer {
	const bytes = Buffer.from(Int32Array.from(values).buffer);
	return Buffer.from(bytes.toString("base64"), "latin1");
}
