// Merges the turns of a path, left to right, into one sample's tokens, mask and logprobs. Pure; decodes no text.
import { JsonNumber, type JsonObject, type JsonValue } from "../json/value.js";
import { type PathTurn, SampleError, type SampleStatus } from "./sample.js";
import type { KeptTurn } from "./truncate.js";

export interface MergedTurns {
	/** How many of the turns the sample holds. */
	count: number;
	tokens: Int32Array;
	responseLength: number;
	lossMask: Uint8Array;
	logprobs: Float64Array;
	status: SampleStatus;
	/** Ranges of `tokens` whose texts, in turn, are the response; each is decoded by itself. */
	textRanges: Array<readonly [start: number, end: number]>;
	weightVersions: JsonValue[];
	prefixCache: { cachedTokens: number; totalPromptTokens: number };
	/** One object for one turn, a list for several: what a trainer expects. */
	lifecycle: JsonValue;
}

export interface MergeOptions {
	/** Replay fields whose absence in a turn ends the sample before it (full payloads only). */
	gapFields: ReadonlyArray<"routedExperts" | "indexerTopk">;
}

/**
 * @param turns at least one
 * @param sequence the path's final sequence
 * @throws SampleError `obs_len must be > 0`
 */
export function mergeTurns(
	turns: readonly [KeptTurn, ...KeptTurn[]],
	sequence: Int32Array,
	options: MergeOptions,
): MergedTurns {
	const [first] = turns;
	const base = first.promptLength;
	const merged: KeptTurn[] = [first];
	for (const turn of turns.slice(1)) {
		const previous = merged.at(-1) as KeptTurn;
		if (previous.status !== "completed") break;
		const gap = options.gapFields.some(
			(field) => previous.source.meta[field] !== null && turn.source.meta[field] === null,
		);
		if (gap) break;
		const observed = turn.promptLength - endOf(previous);
		if (observed <= 0)
			throw new SampleError(`obs_len must be > 0, got ${observed} before turn ${turn.number}`);
		merged.push(turn);
	}
	const last = merged.at(-1) as KeptTurn;
	const end = endOf(last);
	const responseLength = end - base;
	const lossMask = new Uint8Array(responseLength);
	const logprobs = new Float64Array(responseLength);
	const textRanges: Array<readonly [number, number]> = [];
	for (const turn of merged) {
		const start = turn.promptLength;
		const before = textRanges.at(-1)?.[1];
		if (before !== undefined) textRanges.push([before, start]);
		textRanges.push([start, endOf(turn)]);
		lossMask.fill(1, start - base, endOf(turn) - base);
		logprobs.set(turn.source.logprobs.subarray(0, turn.outLength), start - base);
	}
	return {
		count: merged.length,
		tokens: sequence.slice(0, end),
		responseLength,
		lossMask,
		logprobs,
		status: last.status,
		textRanges,
		weightVersions: merged.flatMap(({ source: { meta } }) =>
			meta.weightVersion === undefined ? [] : [meta.weightVersion],
		),
		prefixCache: {
			cachedTokens: sum(merged, (turn) => turn.meta.cachedTokens),
			totalPromptTokens: sum(merged, (turn) => turn.meta.promptTokens),
		},
		lifecycle: lifecycleOf(merged),
	};
}

function endOf(turn: KeptTurn): number {
	return turn.promptLength + turn.outLength;
}

function sum(turns: readonly KeptTurn[], figure: (turn: PathTurn) => number): number {
	return turns.reduce((total, { source }) => total + figure(source), 0);
}

function lifecycleOf(turns: readonly KeptTurn[]): JsonValue {
	const lives = turns.map(({ source, number }, index): JsonObject => {
		const { e2eLatencyS } = source.meta;
		const life: JsonObject = new Map<string, JsonValue>([
			["t0", e2eLatencyS === null ? null : numberOf(source.committedAt - e2eLatencyS)],
			["t1", numberOf(source.committedAt)],
			["turn", numberOf(number)],
		]);
		if (source.requestedAt !== null) life.set("req_ts", numberOf(source.requestedAt));
		const previous = turns[index - 1];
		if (previous !== undefined) life.set("prev_t1", numberOf(previous.source.committedAt));
		return life;
	});
	return lives.length === 1 ? (lives[0] ?? null) : lives;
}

/** A finite number as JSON. */
export function numberOf(value: number): JsonNumber {
	return new JsonNumber(JSON.stringify(value));
}
