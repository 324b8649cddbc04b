// Lays the turns of a path over the path's final sequence: which ids of each turn survived. Pure.
import { type PathTurn, SampleError } from "./sample.js";

/** One turn over the final sequence. All lengths in tokens from the sequence's start. */
export interface AlignedTurn {
	source: PathTurn;
	/** 1-based. */
	number: number;
	promptLength: number;
	/** Completion ids that are still there. */
	outLength: number;
}

export interface AlignedPath {
	/** The last turn's prompt and completion. */
	tokens: Int32Array;
	turns: AlignedTurn[];
}

/**
 * @param maxTrimTokens ids that a following turn may have dropped
 * @throws SampleError when a turn drops ids of a prompt, or more sampled ids than that
 */
export function alignPath(turns: readonly PathTurn[], maxTrimTokens: number): AlignedPath {
	const starts: number[] = [];
	const kept: number[] = [];
	let length = 0;
	for (const [index, turn] of turns.entries()) {
		const from = length - turn.trimCount;
		if (from < 0) throw new SampleError(`turn ${index + 1} drops ${turn.trimCount} of ${length} tokens`);
		kept.push(from);
		starts.push(from + turn.promptIds.length);
		length = from + turn.promptIds.length + turn.completionIds.length;
	}
	const tokens = new Int32Array(length);
	// In turn order, so that what a turn drops is overwritten by what it adds.
	for (const [index, turn] of turns.entries()) {
		const start = starts[index] ?? 0;
		tokens.set(clip(turn.promptIds, length - (kept[index] ?? 0)), kept[index] ?? 0);
		tokens.set(clip(turn.completionIds, length - start), start);
	}
	let cursor = 0;
	const aligned = turns.map((turn, index): AlignedTurn => {
		const promptLength = starts[index] ?? 0;
		const following = kept[index + 1];
		if (following !== undefined && following < promptLength) {
			throw new SampleError(
				`b.tokens must start with a.tokens: turn ${index + 2} drops ids of the prompt of turn ${index + 1}`,
			);
		}
		const outLength = matchedLength(turn.completionIds, tokens, promptLength);
		const trimmed = turn.completionIds.length - outLength;
		const allowed = index === turns.length - 1 ? 0 : maxTrimTokens;
		if (trimmed > allowed) {
			throw new SampleError(`turn ${index + 1}: trim_count=${trimmed} exceeds allowed=${allowed}`);
		}
		cursor = promptLength + outLength;
		return { source: turn, number: index + 1, promptLength, outLength };
	});
	if (cursor !== tokens.length) {
		throw new SampleError(`cursor ${cursor} != len(accumulated_token_ids) ${tokens.length}`);
	}
	return { tokens, turns: aligned };
}

function clip(ids: Int32Array, room: number): Int32Array {
	return ids.subarray(0, Math.max(0, room));
}

function matchedLength(out: Int32Array, tokens: Int32Array, from: number): number {
	let matched = 0;
	while (matched < out.length && from + matched < tokens.length && out[matched] === tokens[from + matched])
		matched++;
	return matched;
}
