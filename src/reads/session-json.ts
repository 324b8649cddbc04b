// The JSON of one session, piece by piece: what GET answers and what a dump keeps. Never builds the whole.
import type { Session } from "../session/life/session.js";
import type { TurnHeader } from "../store/store.js";
import { mismatchJson } from "./mismatch.js";
import type { ReadContext } from "./read-context.js";
import { type PayloadChoice, planRead, recordPieces, supersededPieces } from "./records.js";

export interface SessionReadOptions {
	payloads: PayloadChoice;
	/** With the turns that retries took the place of. */
	superseded?: boolean;
	/** As of `RecordOptions`. */
	buffers?: readonly Buffer[];
}

/** @throws TurnGone as `recordPieces` */
export async function* sessionPieces(
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
	const tokens = yield* recordPieces(context.store, plan, { payloads, buffers });
	if (superseded) {
		yield Buffer.from('],"superseded":[');
		yield* supersededPieces(context.store, plan, { payloads, buffers });
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
		`],"max_trim_tokens":${context.tito.family.maxTrimTokens},"history":${history}${joins}${tree}${report}},` +
			`"session":${JSON.stringify(described).slice(0, -1)},"metadata":${clientMetadata}}}`,
	);
}

/** `stop_joins` of a `metadata` object, with a comma before it: answers of the path that were closed for the turn behind them. */
export function stopJoinsJson(path: readonly TurnHeader[]): string {
	const joins = path.filter(({ stopJoin }) => stopJoin === true).length;
	return joins === 0 ? "" : `,"stop_joins":${joins}`;
}

/**
 * The pieces as long as the session is there: nothing is handed on that was read after it began to close. Throws
 * the 404 of a closed session.
 */
export async function* whileOpen(session: Session, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
	try {
		for await (const piece of pieces) {
			session.refuseWhenClosing();
			yield piece;
		}
	} catch (error) {
		session.refuseWhenClosing();
		throw error;
	}
}
