// One stored turn as the assembly of samples takes it, and the ids of a path of them. Decides nothing.
import { int32FromBytes } from "../base/binary.js";
import type { SessionId, TurnId } from "../base/ids.js";
import type { StoredTurn } from "../samples/job.js";
import type { ReadableStore, TurnHeader } from "../store/store.js";

/** Null when what is stored is not what the header says. */
export async function readTurn(
	store: ReadableStore,
	id: SessionId,
	header: TurnHeader,
): Promise<StoredTurn | null> {
	const [prompt, completion, logprobs, reply] = await Promise.all([
		store.part(id, header.id, "prompt"),
		store.part(id, header.id, "completion"),
		store.part(id, header.id, "logprobs"),
		store.part(id, header.id, "reply"),
	]);
	const whole =
		prompt.length === header.promptLength * 4 && completion.length === header.completionLength * 4;
	if (!whole || logprobs.length !== header.completionLength * 8 || reply.length === 0) return null;
	const payloads: StoredTurn["payloads"][number][] = [];
	for (const { offset, part } of header.replyHoles) {
		if (part === "prompt_token_ids") continue;
		const length = await store.partLength(id, header.id, part);
		const dropped = header.payloadsDropped === true;
		payloads.push({ offset, index: Number(part.slice("payload:".length)), length, dropped });
	}
	return {
		turn: header.id,
		trimCount: header.trimCount,
		promptIds: int32FromBytes(prompt),
		completionIds: int32FromBytes(completion),
		logprobs: new Float64Array(new Uint8Array(logprobs).buffer),
		finishReason: header.finishReason,
		committedAt: header.timestamp,
		requestedAt: header.requestTimestamp,
		routedExpertsStartLen: header.routedExpertsStartLen,
		// Copied: a view would take its whole buffer along to the thread.
		reply: new Uint8Array(reply),
		payloads,
	};
}

/** Ids from the root to the end of the path. */
export function sequenceOf(path: readonly TurnHeader[], turns: ReadonlyMap<TurnId, StoredTurn>): Int32Array {
	const ids = new Int32Array(path.at(-1)?.tokenCount ?? 0);
	let length = 0;
	for (const { id } of path) {
		const turn = turns.get(id);
		if (turn === undefined) throw new Error(`turn ${id} of a path was not read`);
		length -= turn.trimCount;
		for (const piece of [turn.promptIds, turn.completionIds]) {
			ids.set(piece.subarray(0, Math.max(0, ids.length - length)), length);
			length += piece.length;
		}
	}
	return ids;
}
