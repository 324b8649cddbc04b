// What `rollpin verify` says of the engine: its rendering against ours, and the session's tokens scored by it again. Pure.
import { table } from "./report.js";
import type { SessionRecords } from "./verify.js";

interface CheckedConversation {
	conversation: string;
	tokens: number;
	template: string;
	family: string;
	finding: { position: number; ours: string; engine: string } | null;
}

/** Reply of POST /sessions/{id}/verify. */
export interface EngineVerdict {
	engine_check: { result: string; by: string; rows: CheckedConversation[] };
	rescore: { ids?: number[]; logprobs?: Array<number | null>; error?: string };
}

/**
 * Logprobs of a decode and of a prefill differ by the order of sums in bfloat16, by thousandths on small models. A
 * wrong token or position is off by whole units.
 */
const MAX_LOGPROB_DIFFERENCE = 0.1;

export function engineReport(
	verdict: EngineVerdict,
	session: SessionRecords,
): { lines: string[]; sound: boolean } {
	const check = checkLines(verdict.engine_check);
	const rescored = rescoreLine(verdict.rescore, session);
	return { lines: [...check.lines, "", rescored.line], sound: check.sound && rescored.sound };
}

function checkLines({ by, result, rows }: EngineVerdict["engine_check"]): {
	lines: string[];
	sound: boolean;
} {
	if (result === "skipped") return { lines: [`engine's rendering not compared: ${by}`], sound: true };
	const findings = rows.flatMap(({ conversation, finding }) =>
		finding === null
			? []
			: [
					`PROBLEM "${conversation}" differs from token ${finding.position} on`,
					`  ours:     ${JSON.stringify(finding.ours)}`,
					`  engine's: ${JSON.stringify(finding.engine)}`,
				],
	);
	const lines = [
		`engine's own rendering (by ${by}) against ours, by the checkpoint's template and by the family:`,
		table([
			["conversation", "tokens", "template", "family"],
			...rows.map(({ conversation, family, template, tokens }) => [conversation, tokens, template, family]),
		]),
		...findings,
	];
	return { lines, sound: findings.length === 0 };
}

function rescoreLine(
	{ error, ids, logprobs }: EngineVerdict["rescore"],
	{ metadata, records }: SessionRecords,
): { line: string; sound: boolean } {
	if (ids === undefined || logprobs === undefined)
		return { line: `not rescored: ${error ?? "the engine gave no logprobs"}`, sound: true };
	const stored = metadata.accumulated_token_ids;
	const other = stored.findIndex((id, at) => ids[at] !== id);
	if (other !== -1 || ids.length !== stored.length)
		return {
			line: `PROBLEM the engine scored other ids than are stored, from ${other === -1 ? stored.length : other} on`,
			sound: false,
		};
	let largest = 0;
	let compared = 0;
	for (const { request, response } of records) {
		const sampled = response.choices[0]?.meta_info.output_token_logprobs ?? [];
		sampled.forEach(([logprob, id], at) => {
			const place = request.input_ids.length + at;
			const again = logprobs[place];
			// A trimmed end token, or one that a retry replaced, is not in the accumulated ids.
			if (stored[place] !== id || typeof again !== "number") return;
			compared++;
			largest = Math.max(largest, Math.abs(again - logprob));
		});
	}
	const sound = largest <= MAX_LOGPROB_DIFFERENCE;
	const line = `rescored by the engine: same ${stored.length} ids; of ${compared} sampled tokens the largest |dlogprob| is ${largest.toFixed(4)} (bound ${MAX_LOGPROB_DIFFERENCE})`;
	return { line: sound ? line : `PROBLEM ${line}`, sound };
}
