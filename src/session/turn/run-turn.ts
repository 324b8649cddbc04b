// One chat turn: position, tokens, engine, commit. Nothing of the session changes before the store has the turn.
import { type CancelSignal, orAborted } from "../../base/cancellation.js";
import { stopwatch } from "../../base/clock.js";
import { RollpinError } from "../../base/errors.js";
import type { PartCursor, TurnHeader } from "../../store/store.js";
import type { Session } from "../life/session.js";
import type { RequestMessages } from "../path/request-messages.js";
import { withEvent } from "../path/session-history.js";
import { refuseAbortedAnswer } from "../place/aborted-answer.js";
import type { AttachDeps, Attachment, PositionPolicy } from "../place/attach.js";
import { type CommitDeps, type CommittedRequest, commitTurn } from "./commit-turn.js";
import { type CommittedReply, findRepeated } from "./committed-reply.js";
import { newControlText } from "./control-text.js";
import type { EnginePrompt, Generate, GeneratedReply, TemplateInput } from "./generation.js";
import { fingerprintOf, type IdempotentRequest } from "./idempotency.js";
import { encodeTurn } from "./prompt.js";
import { toolsChange } from "./tools-change.js";
import { payloadParts } from "./turn-builder.js";
import type { CommittedFacts, TurnReport } from "./turn-report.js";

/** What a request asks of the session, read from its bytes. */
export interface RequestContent extends Omit<CommittedRequest, "arrivedAt"> {
	template: TemplateInput;
}

interface TurnRequest extends CommittedRequest, RequestContent {
	/** Ids of the whole request, when they had to be made before its session was created; else null. */
	firstPrompt: Int32Array | null;
	/** The `Idempotency-Key` header and the body it stands for. */
	idempotency: IdempotentRequest | null;
	/** Fires when the client has gone; undefined when that must not cancel. */
	clientGone: CancelSignal | undefined;
}

export type TurnOutcome<Generated, Refused> =
	| { kind: "turn"; header: TurnHeader; generation: Generated; prompt: EnginePrompt }
	/** The committed reply of an earlier request with the same key and body. */
	| ({ kind: "repeat" } & CommittedReply)
	| { kind: "refused"; refusal: Refused };

export interface TurnDeps extends AttachDeps, CommitDeps {
	policy: PositionPolicy;
	maxTokens: number;
}

/**
 * Runs one chat to its end.
 * @throws RollpinError with any code that docs/errors.md gives a chat; `clientGone`'s reason when the client left
 */
export async function runTurn<Generated extends GeneratedReply, Refused>(
	session: Session,
	request: TurnRequest,
	generate: Generate<Generated, Refused>,
	deps: TurnDeps,
	report: TurnReport,
): Promise<TurnOutcome<Generated, Refused>> {
	const { clock, policy } = deps;
	const { timings } = report;
	const identity = request.idempotency === null ? null : fingerprintOf(request.idempotency);
	const chat = session.enter(request.clientGone, request.arrivedAt);
	const { signal } = chat;
	let release = () => {};
	let releaseKey = () => {};
	try {
		const elapsed = stopwatch(clock);
		if (!policy.exclusive && request.idempotency !== null)
			releaseKey = await session.acquireKey(request.idempotency.key, signal);
		release = await session.lock.acquire(signal);
		timings.lockWaitMs = elapsed();
		chat.admitted();
		const repeated = await findRepeated(session, identity, deps.store);
		// Read under the lock, and so before anything can be buried.
		signal.throwIfAborted();
		if (repeated !== null) return { kind: "repeat", ...repeated };

		const { messages, template } = request;
		const attach = await attachCounted(session, messages, deps, report);
		signal.throwIfAborted();

		const tokenizing = stopwatch(clock);
		// A render changes nothing, so nobody has to wait for the end of one that is no longer wanted.
		const encoding = orAborted(
			encodeTurn(attach, messages, template, deps.tito, deps.maxTokens, request.firstPrompt),
			signal,
		);
		const prompt = await encoding.finally(() => {
			timings.tokenizeInMs += tokenizing();
		});
		report.promptTokens = prompt.engine.length;
		report.reusedTokens = prompt.engine.length - prompt.ids.length;
		signal.throwIfAborted();
		report.controlText = newControlText(session, request.messages, attach.appendedFrom, deps.tito);
		if (!policy.exclusive) release();

		const generating = stopwatch(clock);
		let outcome: Awaited<ReturnType<typeof generate>>;
		try {
			outcome = await generate(prompt.engine, signal, storedPayloads(session, attach.parent, deps));
		} finally {
			timings.proxyElapsedMs = generating();
		}
		signal.throwIfAborted();
		if (outcome.kind === "refused") return outcome;

		const { generation, sent } = outcome;
		timings.tokenizeOutMs = outcome.readMs;
		timings.proxyElapsedMs -= outcome.readMs;
		report.completionTokens = generation.completionIds.length;
		const committing = stopwatch(clock);
		const finished = { attach, prompt, generation, sent, identity };
		const header = await session.write(() => {
			// In tree mode it may have been ended while it waited for another commit.
			chat.commits();
			return commitTurn(session, request, finished, deps);
		});
		timings.commitMs = committing();
		report.committed = factsOf(header, generation);
		// Only of a turn that is stored: whoever still writes for a commit that failed must not find other bytes there.
		if (!deps.store.keepsGiven) generation.giveBack?.();
		report.toolsChange = toolsChange(header, attach.parent, attach.discarded);
		const discarded = attach.discarded[0];
		if (discarded !== undefined && attach.rollback !== null) {
			report.rollback = { discarded: discarded.id, head: attach.parent?.id ?? null, ...attach.rollback };
		}
		if (attach.branch !== null) report.branch = { turn: header.id, ...attach.branch };
		// A DELETE or the deadline that came during the commit wins: the session is gone, and so is this answer.
		// A client that left during the commit changes nothing any more: the turn stands.
		if (session.closing !== null) throw session.closedError();
		return { kind: "turn", header, generation, prompt: prompt.engine };
	} catch (error) {
		throw chat.failure(error);
	} finally {
		chat.leave();
		release();
		releaseKey();
	}
}

/** Before the generation's memory is given back. */
function factsOf(header: TurnHeader, { excerpts }: GeneratedReply): CommittedFacts {
	const facts = {
		aborted: header.status === "provisional",
		stopJoin: header.stopJoin === true,
		payloadBytes: 0,
		payloadBytesStored: 0,
	};
	for (const { byteLength, field, knownBytes } of excerpts) {
		if (field === "prompt_token_ids") continue;
		facts.payloadBytes += byteLength;
		facts.payloadBytesStored += byteLength - knownBytes;
	}
	return facts;
}

/** Where the request attaches. A refusal is counted: nothing else of the session changes with it. */
async function attachCounted(
	session: Session,
	messages: RequestMessages,
	deps: TurnDeps,
	report: TurnReport,
): Promise<Attachment> {
	try {
		const attach = await deps.policy.attach(session, messages, deps);
		if (deps.onAlteredAnswer === "refuse") await refuseAbortedAnswer(session, messages, attach, deps.matcher);
		return attach;
	} catch (error) {
		if (error instanceof RollpinError && REFUSALS.has(error.code)) {
			const refused = { kind: error.code, turn: session.meta.head, path: error.param ?? "" };
			session.history = withEvent(session.history, "refused", { ...refused, at: deps.clock.nowS() });
			report.refused = refused;
		}
		throw error;
	}
}

const REFUSALS: ReadonlySet<string> = new Set(["history_mismatch", "rollback_limit"]);

/**
 * What the reply's payloads are compared with while they arrive. With a tree that gives payloads up, the parent's could
 * be gone by the commit: there the store compares, at the commit.
 */
function storedPayloads(session: Session, parent: TurnHeader | null, deps: TurnDeps): PartCursor[] {
	if (parent === null || (deps.keepPayloads === "latest" && !deps.policy.exclusive)) return [];
	return payloadParts(parent).map((part) => deps.store.openPart(session.meta.id, parent.id, part));
}
