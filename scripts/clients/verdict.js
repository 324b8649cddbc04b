// What became of one loop: chats sent against turns kept, and whether each prompt goes on from the stored tokens. Pure.

/** Prompt and sampled ids of a record, as the trainer reads them. */
function tokensOf(record) {
	const sampled = record.response.choices[0].meta_info.output_token_logprobs;
	return [...record.request.input_ids, ...sampled.map((entry) => entry[1])];
}

/** Records whose prompt does not start with all the tokens of the record before. */
function brokenPrompts(records) {
	return records.slice(1).filter((record, at) => {
		const stored = tokensOf(records[at]);
		return stored.some((id, place) => record.request.input_ids[place] !== id);
	}).length;
}

/**
 * One cell of the table.
 * @param {{ sent: number, answered: number, refusals: string[] }} counts of the proxy
 * @param session the body of GET /sessions/<id>; its records are those of the newest path
 * @param {{ mode: string, rewrites: string | null, error: string | null }} loop
 * @returns {{ text: string, good: boolean }} good: nothing lost. A loop that rewrites its history may be refused with
 *   a reason or branch; any other must keep every turn on one path.
 */
export function verdict(counts, session, { mode, rewrites, error }) {
	const { sent, answered, refusals } = counts;
	const kept = session.records.length;
	const turns = mode === "tree" ? session.metadata.tree.nodes.length : kept;
	const broken = brokenPrompts(session.records);
	const codes = [...new Set(refusals.map((refusal) => refusal.split(":")[0]))];
	let text = `${sent} -> ${kept}`;
	if (turns > kept) text += `, ${turns - kept} on other branches`;
	if (refusals.length > 0) text += `, ${refusals.length} refused (${codes.join(", ")})`;
	if (turns < answered) text += `, ${answered - turns} LOST`;
	if (broken > 0) text += `, ${broken} prompts broken`;
	if (error !== null && refusals.length === 0) text += `, failed: ${error}`;
	const nothingLost =
		sent > 0 && turns === answered && broken === 0 && refusals.every((one) => one.startsWith("4"));
	const whole = kept === sent && error === null;
	return { text, good: nothingLost && (rewrites === null ? whole : error === null || refusals.length > 0) };
}
