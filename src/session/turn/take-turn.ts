// The use case: one chat request against one session, from its bytes to a committed turn. Knows no HTTP and no wire; a
// request that is refused before its session exists leaves no session behind.
import type { CancelSignal } from "../../base/cancellation.js";
import { stopwatch } from "../../base/clock.js";
import type { SessionId } from "../../base/ids.js";
import type { SessionMeta } from "../../store/store.js";
import type { SessionRegistry } from "../life/registry.js";
import type { Session } from "../life/session.js";
import type { EarlierMessages } from "../path/request-messages.js";
import type { Generate, GeneratedReply } from "./generation.js";
import type { IdempotentRequest } from "./idempotency.js";
import { encodeFirstPrompt } from "./prompt.js";
import { type RequestContent, runTurn, type TurnDeps, type TurnOutcome } from "./run-turn.js";
import type { TurnReport } from "./turn-report.js";

export interface TurnCall<Content extends RequestContent, Generated extends GeneratedReply, Refused> {
	id: SessionId;
	/** Wall clock at arrival, float Unix seconds. */
	arrivedAt: number;
	/** The `Idempotency-Key` header and the body it stands for. */
	idempotency: IdempotentRequest | null;
	/** Fires when the client has gone. A client that has gone creates no session. */
	client: CancelSignal;
	/** Whether the turn of a client that has gone is cancelled; else it is generated and recorded without it. */
	cancelWhenGone: boolean;
	/**
	 * Reads the request, once. Nothing is rendered, created or changed before it resolves; what it throws ends the call.
	 * @param earlier the session's last request; where this one repeats it byte for byte, nothing is read again
	 */
	read(earlier: EarlierMessages | null): Promise<Content>;
	/** How the prompt reaches the engine. Called after `read`, at most once. */
	generateFor(session: Session, content: Content): Generate<Generated, Refused>;
}

export interface TakeTurnDeps extends Omit<TurnDeps, "policy" | "matcher"> {
	registry: SessionRegistry;
	/** How the requests of this session are placed. */
	placing(meta: SessionMeta): Pick<TurnDeps, "policy" | "matcher">;
}

/**
 * @param report filled on the way, whatever the end
 * @returns what `read` gave, and how the turn ended
 * @throws RollpinError `session_deleted`, `session_expired` and whatever `read`, the template, the limits and the engine
 * refuse; `client`'s reason when the client left
 */
export async function takeTurn<Content extends RequestContent, Generated extends GeneratedReply, Refused>(
	call: TurnCall<Content, Generated, Refused>,
	deps: TakeTurnDeps,
	report: TurnReport,
): Promise<{ content: Content; outcome: TurnOutcome<Generated, Refused> }> {
	const { client, id } = call;
	const { registry } = deps;
	const known = await registry.find(id);
	const content = await call.read(known?.lastRequest ?? null);
	// A request that is refused must not create a session, and the template may be the one to refuse it.
	const firstPrompt = known === undefined ? await firstPromptOf(content, deps, report) : null;
	client.throwIfAborted();
	const session = known ?? (await registry.findOrCreate(id));
	const done = registry.use(session);
	try {
		const request = {
			messages: content.messages,
			template: content.template,
			toolsHash: content.toolsHash,
			firstPrompt,
			idempotency: call.idempotency,
			arrivedAt: call.arrivedAt,
			clientGone: call.cancelWhenGone ? client : undefined,
		};
		const placing = deps.placing(session.meta);
		const generate = call.generateFor(session, content);
		const outcome = await runTurn(session, request, generate, { ...deps, ...placing }, report);
		return { content, outcome };
	} finally {
		done();
	}
}

async function firstPromptOf(
	{ messages, template }: RequestContent,
	{ clock, maxTokens, tito }: TakeTurnDeps,
	{ timings }: TurnReport,
): Promise<Int32Array> {
	const elapsed = stopwatch(clock);
	try {
		return await encodeFirstPrompt(messages, template, tito, maxTokens);
	} finally {
		timings.tokenizeInMs += elapsed();
	}
}
