// The JSON of one session, chunk by chunk: what GET answers and what a dump keeps. Never builds the whole.
import { background } from "../base/pace.js";
import type { Session } from "../session/life/session.js";
import type { SessionMeta, TurnHeader } from "../store/store.js";
import { mismatchJson } from "./mismatch.js";
import type { ReadContext } from "./read-context.js";
import { type PayloadChoice, planRead, recordChunks, supersededChunks } from "./records.js";

export interface SessionReadOptions {
	payloads: PayloadChoice;
	/** With the turns that retries replaced. */
	superseded?: boolean;
	/** As of `RecordOptions`. */
	buffers?: readonly Buffer[];
}

/** @throws TurnGone as `recordChunks` */
export async function* sessionChunks(
	context: ReadContext,
	session: Session,
	{ payloads, superseded = false, buffers }: SessionReadOptions,
): AsyncGenerator<Buffer> {
	const plan = await planRead(session);
	const { meta } = plan;
	const inFlight = session.chatsInFlight;
	const mode = meta.mode ?? context.config.mode;
	const history = JSON.stringify(session.history);
	yield Buffer.from(`{"session_id":${JSON.stringify(meta.id)},"records":[`);
	const onPayload = (bytes: number) => context.listener.payloadRead(bytes);
	const options = { payloads, buffers, onPayload };
	const tokens = yield* recordChunks(context.store, plan, options);
	if (superseded) {
		yield Buffer.from('],"superseded":[');
		yield* supersededChunks(context.store, plan, options);
	}
	yield Buffer.from(`],"metadata":{"accumulated_token_ids":[`);
	yield tokens.text();
	const described = {
		created_at: meta.createdAt,
		expires_at: meta.expiresAt,
		worker: context.partitions.workerOf(meta.id),
		turns: meta.turnCount,
		in_flight: inFlight,
		mode,
		message_matcher: meta.messageMatcher ?? context.config.messageMatcher,
	};
	const mismatch = await mismatchJson(context, session, meta.head);
	const report = mismatch === "{}" ? "" : `,${mismatch.slice(1, -1)}`;
	const tree = mode === "tree" ? `,"tree":${JSON.stringify(plan.tree)}` : "";
	const joins = stopJoinsJson(plan.path);
	const clientMetadata = meta.metadataJson ?? "null";
	yield Buffer.from(
		`],"max_trim_tokens":${context.tito.family.maxTrimTokens},"history":${history}${joins}${sandboxEndsJson(meta)}${tree}${report}},` +
			`"session":${JSON.stringify(described).slice(0, -1)},"metadata":${clientMetadata}}}`,
	);
}

/** `stop_joins` of a `metadata` object, with a comma before it: how many answers of the path the next turn had to close. */
export function stopJoinsJson(path: readonly TurnHeader[]): string {
	const joins = path.filter(({ stopJoin }) => stopJoin === true).length;
	return joins === 0 ? "" : `,"stop_joins":${joins}`;
}

/** `sandbox` of a `metadata` object, with a comma before it: the ends of its sandboxes that no client asked for. */
export function sandboxEndsJson({ sandboxEnds = [] }: SessionMeta): string {
	return sandboxEnds.length === 0 ? "" : `,"sandbox":${JSON.stringify(sandboxEnds)}`;
}

/**
 * The chunks as long as the session is there: nothing is handed on that was read after it began to close.
 * @throws RollpinError the 404 of a closed session
 */
export async function* whileOpen(session: Session, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
	try {
		for await (const chunk of chunks) {
			session.refuseWhenClosing();
			yield chunk;
			if (background.isOver) await background.breathe();
		}
	} catch (error) {
		session.refuseWhenClosing();
		throw error;
	}
}
