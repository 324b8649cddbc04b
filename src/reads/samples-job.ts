// Reads what a request for samples needs from the store. Holds no lock: turns it reads never change, or it starts over.

import { RollpinError } from "../base/errors.js";
import type { TurnId } from "../base/ids.js";
import { tokenIdsText } from "../json/token-text.js";
import type { JobReads } from "../samples/assembler.js";
import type { LeafPlan, SampleJob, StoredTurn } from "../samples/job.js";
import { withoutRetried } from "../samples/leaves.js";
import { isOn, type SamplesWire } from "../samples/wire.js";
import type { Session } from "../session/life/session.js";
import type { StoredMessage } from "../session/path/path-state.js";
import { storedForm } from "../session/place/echo-matcher.js";
import { describeTree } from "../session/place/tree.js";
import type { TurnHeader } from "../store/store.js";
import { TurnGone } from "../store/store-errors.js";
import { mismatchJson } from "./mismatch.js";
import type { ReadContext } from "./read-context.js";
import { planSamples } from "./samples-plan.js";
import { stopJoinsJson } from "./session-json.js";
import { readTurn, sequenceOf } from "./stored-turn.js";

export interface SamplesRequest {
	/** Tokens; null for no limit. */
	maxSeqLen: number | null;
	/** JSON text of the agent's `metadata`; null when it is absent or null. */
	agentJson: string | null;
	/** Version of the reply. */
	wire: SamplesWire;
}

const READ_BYTES = 256 * 1024;

/** A provisional turn may be superseded while it is read; that often in a row means a client that does nothing else. */
const MAX_TRIES = 5;

/** @throws RollpinError `session_state_conflict`; the 404 of a session that closes meanwhile */
export async function gatherJob(
	context: ReadContext,
	session: Session,
	request: SamplesRequest,
): Promise<SampleJob> {
	for (let tries = 0; tries < MAX_TRIES; tries++) {
		try {
			const job = await tryGather(context, session, request);
			session.refuseWhenClosing();
			if (job !== null) return job;
		} catch (error) {
			session.refuseWhenClosing();
			if (!(error instanceof TurnGone)) throw error;
		}
	}
	throw superseded();
}

/** The job's later reads, checked in the same way. */
export function jobReads(context: ReadContext, session: Session, job: SampleJob): JobReads {
	return {
		decode: (lists) => context.tito.decodeMany(lists),
		async *payload(turn, index) {
			const stored = job.turns.find((one) => one.turn === turn);
			const expected = stored?.payloads.find((one) => one.index === index)?.length;
			const buffers = [Buffer.allocUnsafeSlow(READ_BYTES)];
			const part = `payload:${index}` as const;
			const pieces = context.store.streamPart(session.meta.id, turn as TurnId, part, buffers);
			let length = 0;
			try {
				for await (const piece of pieces) {
					session.refuseWhenClosing();
					length += piece.length;
					yield piece;
				}
			} catch (error) {
				session.refuseWhenClosing();
				throw error instanceof TurnGone ? superseded() : error;
			}
			session.refuseWhenClosing();
			if (length !== expected) throw superseded();
		},
	};
}

function superseded(): RollpinError {
	return new RollpinError(
		"session_state_conflict",
		"the provisional turn was superseded while its sample was made; ask again",
	);
}

async function tryGather(
	context: ReadContext,
	session: Session,
	request: SamplesRequest,
): Promise<SampleJob | null> {
	const { config, tito } = context;
	const live = await session.headers();
	const mode = session.meta.mode ?? config.mode;
	const messages = mode === "tree" ? await session.turnMessages() : new Map<TurnId, StoredMessage[]>();
	// From here to the copies nothing else runs: one moment of the session.
	const { meta } = session;
	const history = JSON.stringify(session.history);
	const plan = planSamples(meta, live, (turn) => appendedForm(messages.get(turn) ?? [], tito));
	const tree = mode === "tree" ? describeTree(live.values()) : null;
	const { active, forest, provisional } = plan;
	// The default picker drops tries that were repeated, whatever they hold: they need not even be read.
	const chosen = config.samplePicker === null ? withoutRetried(plan.leaves, forest) : plan.leaves;
	const named = new Map<TurnId, TurnHeader>();
	const path = provisional === null ? active : [...active, provisional];
	for (const header of tree === null ? path : chosen.flatMap(({ turns }) => turns)) {
		named.set(header.id, header);
	}
	const turns = new Map<TurnId, StoredTurn>();
	for (const header of named.values()) {
		const stored = await readTurn(context.store, session.meta.id, header);
		if (stored === null) return null;
		turns.set(header.id, stored);
	}
	if (provisional !== null && session.meta.provisional !== provisional.id) return null;
	const ids = (headers: readonly TurnHeader[]) => headers.map(({ id }) => id);
	const mismatch = await mismatchJson(context, session, meta.head);
	const sessionMetadata = [
		'{"accumulated_token_ids":[',
		tokenIdsText(sequenceOf(active, turns)).toString("latin1"),
		`],"max_trim_tokens":${tito.family.maxTrimTokens},"history":${history}`,
		stopJoinsJson(active),
		tree === null ? "" : `,"tree":${JSON.stringify(tree)}`,
		mismatch === "{}" ? "" : `,${mismatch.slice(1, -1)}`,
		tree === null || request.agentJson === null ? "" : `,"agent":${request.agentJson}`,
		"}",
	];
	const leaves: LeafPlan[] = [];
	for (const leaf of tree === null ? [] : chosen) {
		const committed = leaf.provisional ? leaf.turns.slice(0, -1) : leaf.turns;
		leaves.push({
			nodeId: leaf.nodeId,
			parent: leaf.parent,
			responseId: leaf.turns.at(-1)?.responseId ?? "",
			turns: ids(leaf.turns),
			path: leaf.path,
			provisional: leaf.provisional,
			accumulated: sequenceOf(committed, turns),
			mismatchJson:
				leaf.committed === meta.head ? mismatch : await mismatchJson(context, session, leaf.committed),
		});
	}
	return {
		turns: [...turns.values()],
		plan:
			tree === null
				? { kind: "linear", turns: ids(path) }
				: { kind: "tree", leaves, forest, agentJson: request.agentJson },
		options: {
			maxTrimTokens: tito.family.maxTrimTokens,
			maxSeqLen: request.maxSeqLen,
			r3: config.r3,
			samplingMask: isOn(request.wire, "2026-09"),
			numLayers: context.numLayers,
		},
		wire: request.wire,
		sessionMetadata,
	};
}

/** One text for every spelling of the messages that a turn's request appended. */
function appendedForm(own: readonly StoredMessage[], tito: ReadContext["tito"]): string {
	return JSON.stringify(
		own.filter(({ generated }) => !generated).map((message) => storedForm(message, tito)),
	);
}
