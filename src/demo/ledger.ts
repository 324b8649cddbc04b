// What became of every token of a session, turn by turn, worked out from its records alone. Pure.
import type { SessionRecords } from "./verify.js";

/** A run of ids of one turn. Positions are those in the sequence after that turn. */
export interface Span {
	turn: number;
	/**
	 * `kept`: stored before this turn and sent again as it was; `trimmed`: dropped from the stored end;
	 * `appended`: what the messages of this turn add; `sampled`: what the engine generated.
	 */
	kind: "kept" | "trimmed" | "appended" | "sampled";
	/** Position of the first id; of a trimmed one, where it stood. */
	from: number;
	ids: number[];
}

export function ledger(session: SessionRecords): Span[] {
	const spans: Span[] = [];
	let before: number[] = [];
	for (const [turn, record] of session.records.entries()) {
		const prompt = record.request.input_ids;
		const logprobs = record.response.choices[0]?.meta_info.output_token_logprobs ?? [];
		const sampled = logprobs.map((entry) => entry[1]);
		let kept = 0;
		while (kept < before.length && kept < prompt.length && before[kept] === prompt[kept]) kept++;
		const all: Span[] = [
			{ turn, kind: "kept", from: 0, ids: before.slice(0, kept) },
			{ turn, kind: "trimmed", from: kept, ids: before.slice(kept) },
			{ turn, kind: "appended", from: kept, ids: prompt.slice(kept) },
			{ turn, kind: "sampled", from: prompt.length, ids: sampled },
		];
		spans.push(...all.filter(({ ids }) => ids.length > 0));
		before = [...prompt, ...sampled];
	}
	return spans;
}

/** Mask of a training sample: 1 for each sampled id after the first prompt, 0 for what was appended. */
export function lossMask(spans: readonly Span[]): number[] {
	const mask: number[] = [];
	const start = spans.find(({ kind }) => kind === "sampled")?.from ?? 0;
	for (const { kind, from, ids } of spans) {
		if (kind === "trimmed") mask.length = Math.max(0, from - start);
		if (kind === "sampled" || (kind === "appended" && from >= start)) {
			for (const _ of ids) mask.push(kind === "sampled" ? 1 : 0);
		}
	}
	return mask;
}
