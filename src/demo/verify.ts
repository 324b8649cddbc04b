// Checks a session's records against what the agent saw: every prompt is the tokens so far plus a suffix. Pure.
import type { AgentTurn } from "./agent.js";

export interface SessionRecords {
	session_id: string;
	records: Array<{
		request: { input_ids: number[] };
		response: {
			choices: Array<{
				meta_info: { output_token_logprobs: Array<[number, number, string | null]> };
			}>;
		};
	}>;
	metadata: { accumulated_token_ids: number[]; max_trim_tokens: number };
	session: { worker: number; turns: number };
}

/** Everything that is wrong with a session's record; empty when it is exactly what was sent and sampled. */
export function verifySession(session: SessionRecords, turns: readonly AgentTurn[]): string[] {
	const problems: string[] = [];
	const { records, metadata } = session;
	if (records.length !== turns.length) {
		problems.push(`${records.length} records for ${turns.length} turns`);
	}
	let before: number[] = [];
	records.forEach((record, index) => {
		const prompt = record.request.input_ids;
		const sampled = (record.response.choices[0]?.meta_info.output_token_logprobs ?? []).map(
			(entry) => entry[1],
		);
		const shared = sharedPrefix(before, prompt);
		if (before.length - shared > metadata.max_trim_tokens) {
			problems.push(`turn ${index}: the prompt leaves the stored tokens at ${shared} of ${before.length}`);
		}
		if (index > 0 && prompt.length <= shared) problems.push(`turn ${index}: the prompt appends nothing`);
		const seen = turns[index];
		if (seen?.promptIds && !equal(seen.promptIds, prompt)) {
			problems.push(`turn ${index}: the agent was told another prompt than was recorded`);
		}
		if (seen?.completionIds && !equal(seen.completionIds, sampled)) {
			problems.push(`turn ${index}: the agent saw other completion ids than were recorded`);
		}
		before = [...prompt, ...sampled];
	});
	if (!equal(before, metadata.accumulated_token_ids)) {
		problems.push("accumulated_token_ids is not the last prompt and its completion");
	}
	return problems;
}

function sharedPrefix(a: readonly number[], b: readonly number[]): number {
	let length = 0;
	while (length < a.length && length < b.length && a[length] === b[length]) length++;
	return length;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
	return a.length === b.length && sharedPrefix(a, b) === a.length;
}
