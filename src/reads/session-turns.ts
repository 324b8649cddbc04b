// A session as its turns, for who reads it: each turn's own messages, its counts, and its tokens as text. Chunk by chunk.
import { int32FromBytes } from "../base/binary.js";
import { background } from "../base/pace.js";
import type { Session } from "../session/life/session.js";
import type { TurnHeader } from "../store/store.js";
import { decodeInSlices } from "./decode-in-slices.js";
import { mismatchJson } from "./mismatch.js";
import type { ReadContext } from "./read-context.js";

/**
 * A run of ids of one turn. `trimmed`: ids of the parent's end that this turn's prompt leaves out; `prompt`: what a first
 * prompt has; `injected`: what a later one adds after its parent's tokens; `sampled`: what the engine generated.
 */
interface Span {
	kind: "trimmed" | "prompt" | "injected" | "sampled";
	ids: Int32Array;
}

/**
 * The JSON of GET turns: every stored turn in the order of the commits, superseded and provisional ones too. Turns hold
 * only what they add, so the whole is as large as the conversation, not as the sum of its prompts.
 * @param tokens with each turn's spans, and their text
 * @throws TurnGone when a turn went meanwhile
 */
export async function* turnChunks(
	context: ReadContext,
	session: Session,
	tokens: boolean,
): AsyncGenerator<Buffer> {
	const { meta } = session;
	const headers = await session.headers();
	const running = {
		in_flight: session.chatsInFlight,
		running: session.chatsRunning,
		running_since: session.runningSinceS,
	};
	const history = JSON.stringify(session.history);
	yield Buffer.from(`{"session_id":${JSON.stringify(meta.id)},"turns":[`);
	let first = true;
	for (const header of [...headers.values()].sort((a, b) => a.id - b.id)) {
		if (background.isOver) await background.breathe();
		if (!first) yield Buffer.from(",");
		first = false;
		yield* turn(context, session, header, tokens);
	}
	const mismatch = await mismatchJson(context, session, meta.head);
	const described = {
		created_at: meta.createdAt,
		expires_at: meta.expiresAt,
		worker: context.partitions.workerOf(meta.id),
		turns: meta.turnCount,
		tokens: meta.tokenCount,
		...running,
		mode: meta.mode ?? context.config.mode,
		message_matcher: meta.messageMatcher ?? context.config.messageMatcher,
	};
	yield Buffer.from(
		`],"metadata":{"history":${history}${mismatch === "{}" ? "" : `,${mismatch.slice(1, -1)}`}},` +
			`"session":${JSON.stringify(described).slice(0, -1)},"metadata":${meta.metadataJson ?? "null"}}}`,
	);
}

async function* turn(
	context: ReadContext,
	{ meta }: Session,
	header: TurnHeader,
	tokens: boolean,
): AsyncGenerator<Buffer> {
	const { store } = context;
	const described = {
		turn: header.id,
		parent: header.parent,
		status: header.status,
		finish_reason: header.finishReason,
		timestamp: header.timestamp,
		request_timestamp: header.requestTimestamp,
		kept: header.tokenCount - header.promptLength - header.completionLength,
		trimmed: header.trimCount,
		appended: header.promptLength,
		sampled: header.completionLength,
		stop_join: header.stopJoin === true,
	};
	const messages = await store.part(meta.id, header.id, "messages");
	const reply = await store.part(meta.id, header.id, "reply");
	yield Buffer.from(`${JSON.stringify(described).slice(0, -1)},"messages":[`);
	yield messages.subarray(header.appendedOffset);
	yield Buffer.from(`],"answer":`);
	yield reply.subarray(header.replyMessage.start, header.replyMessage.end);
	if (tokens) {
		const spans = await spansOf(context, meta.id, header);
		const texts = await decodeInSlices(
			context.tito,
			spans.map(({ ids }) => ids),
		);
		yield Buffer.from(
			`,"spans":${JSON.stringify(spans.map(({ kind, ids }, at) => ({ kind, text: texts[at], ids: [...ids] })))}`,
		);
	}
	yield Buffer.from("}");
}

async function spansOf(
	{ store }: ReadContext,
	id: Session["meta"]["id"],
	header: TurnHeader,
): Promise<Span[]> {
	const spans: Span[] = [];
	if (header.trimCount > 0 && header.parent !== null) {
		const before = int32FromBytes(await store.part(id, header.parent, "completion"));
		spans.push({ kind: "trimmed", ids: before.subarray(Math.max(0, before.length - header.trimCount)) });
	}
	spans.push(
		{
			kind: header.parent === null ? "prompt" : "injected",
			ids: int32FromBytes(await store.part(id, header.id, "prompt")),
		},
		{ kind: "sampled", ids: int32FromBytes(await store.part(id, header.id, "completion")) },
	);
	return spans.filter(({ ids }) => ids.length > 0);
}
