// A reply of the simulated engine, taken apart once so that it can be sent again and again with another prompt. Pure.

/** What stands in a reply's place for each of these. */
export type Slot = "ids" | "prompt" | "payload" | "total";

export interface CannedReply {
	/** Text between the slots: one piece more than there are slots. */
	pieces: Buffer[];
	slots: Slot[];
	completionTokens: number;
}

const MARK = "\u0000";

/**
 * @param text reply to a chat with `input_ids`, asked for `prompt_token_ids` and `routed_experts`
 * @throws Error when a place is not there once
 */
export function takeApart(text: string): CannedReply {
	const { prompt_tokens, total_tokens, completion_tokens } = (
		JSON.parse(text) as {
			usage: { prompt_tokens: number; total_tokens: number; completion_tokens: number };
		}
	).usage;
	const places: ReadonlyArray<readonly [RegExp, string]> = [
		[/"prompt_token_ids":\[[\d,]*\],/, `${MARK}ids${MARK}`],
		[/"routed_experts":"[\w+/=]*",/, `${MARK}payload${MARK}`],
		[new RegExp(`"prompt_tokens":${prompt_tokens},"weight_version"`), count("prompt", '"weight_version"')],
		[
			new RegExp(`"prompt_tokens":${prompt_tokens},"total_tokens":${total_tokens},`),
			`"prompt_tokens":${MARK}prompt${MARK},"total_tokens":${MARK}total${MARK},`,
		],
	];
	const marked = places.reduce((rest, [place, mark]) => {
		if (!place.test(rest)) throw new Error(`the simulated engine's reply has no ${place.source}`);
		return rest.replace(place, mark);
	}, text);
	const parts = marked.split(MARK);
	return {
		pieces: parts.filter((_, at) => at % 2 === 0).map((part) => Buffer.from(part)),
		slots: parts.filter((_, at) => at % 2 === 1) as Slot[],
		completionTokens: completion_tokens,
	};
}

function count(slot: Slot, next: string): string {
	return `"prompt_tokens":${MARK}${slot}${MARK},${next}`;
}

/** The reply's bytes with each slot filled; nothing is copied. */
export function fill(reply: CannedReply, values: Readonly<Record<Slot, readonly Buffer[]>>): Buffer[] {
	return reply.pieces.flatMap((piece, at) => {
		const slot = reply.slots[at];
		return slot === undefined ? [piece] : [piece, ...values[slot]];
	});
}
