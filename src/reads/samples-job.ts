// Reads what a request for samples needs from the store. Holds no lock: turns it reads never change, or it starts over.
import { RollpinError } from "../base/errors.js";
import type { TurnId } from "../base/ids.js";
import { background } from "../base/pace.js";
import { tokenIdsText } from "../json/token-text.js";
import type { JobReads } from "../samples/assembler.js";
import type { LeafPlan, SampleJob, StoredTurn } from "../samples/job.js";
import { withoutRetried } from "../samples/leaves.js";
import { isOn, type SamplesWire } from "../samples/wire.js";
import type { Session } from "../session/life/session.js";
import type { StoredMessage } from "../session/path/path-state.js";
import { storedForm } from "../session/place/echo-matcher.js";
import { describeTree } from "../session/place/tree.js";
import { TurnGone } from "../store/store-errors.js";
import { decodeInSlices } from "./decode-in-slices.js";
import { mismatchJson } from "./mismatch.js";
import type { ReadContext } from "./read-context.js";
import { type LeafPath, planSamples } from "./samples-plan.js";
import { sandboxEndsJson, stopJoinsJson } from "./session-json.js";
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

/** A provisional turn may be superseded while it is read; five times in a row mean a client that does nothing else. */
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

/** What the assembly reads while it runs, checked in the same way. */
export function jobReads(context: ReadContext, session: Session, job: SampleJob): JobReads {
	return {
		decode: (lists) => decodeInSlices(context.tito, lists),
		async *payload(turn, index) {
			const stored = job.turns.find((one) => one.turn === turn);
			const expected = stored?.payloads.find((one) => one.index === index)?.length;
			const buffers = [Buffer.allocUnsafeSlow(READ_BYTES)];
			const part = `payload:${index}` as const;
			const chunks = context.store.streamPart(session.meta.id, turn as TurnId, part, buffers);
			let length = 0;
			try {
				for await (const chunk of chunks) {
					session.refuseWhenClosing();
					length += chunk.length;
					context.listener.payloadRead(chunk.length);
					yield chunk;
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

/** Null when a turn that it read had been superseded meanwhile. */
async function tryGather(
	context: ReadContext,
	session: Session,
	request: SamplesRequest,
): Promise<SampleJob | null> {
	const { config, store, tito } = context;
	const live = await session.headers();
	const mode = session.meta.mode ?? config.mode;
	const messages = mode === "tree" ? await session.turnMessages() : new Map<TurnId, StoredMessage[]>();
	// From here to the next await nothing else runs: what is taken here is one moment of the session.
	const { meta } = session;
	const history = JSON.stringify(session.history);
	const plan = planSamples(meta, live, (turn) => appendedForm(messages.get(turn) ?? [], tito));
	const tree = mode === "tree" ? describeTree(live.values()) : null;
	const { active, forest, provisional } = plan;
	// The default picker drops tries that were repeated, whatever they hold: they need not even be read.
	const leaves = config.samplePicker === null ? withoutRetried(plan.leaves, forest) : plan.leaves;
	const path = provisional === null ? active : [...active, provisional];
	const turns = new Map<TurnId, StoredTurn>();
	for (const header of tree === null ? path : leaves.flatMap((leaf) => leaf.turns)) {
		if (turns.has(header.id)) continue;
		if (background.isOver) await background.breathe();
		const stored = await readTurn(store, meta.id, header);
		if (stored === null) return null;
		turns.set(header.id, stored);
	}
	if (background.isOver) await background.breathe();
	if (provisional !== null && session.meta.provisional !== provisional.id) return null;
	const mismatch = await mismatchJson(context, session, meta.head);
	const mismatchUpTo = async (turn: TurnId | null) =>
		turn === meta.head ? mismatch : mismatchJson(context, session, turn);
	return {
		turns: [...turns.values()],
		plan:
			tree === null
				? { kind: "linear", turns: path.map(({ id }) => id) }
				: {
						kind: "tree",
						leaves: await leafPlans(leaves, turns, mismatchUpTo),
						forest,
						agentJson: request.agentJson,
					},
		options: {
			maxTrimTokens: tito.family.maxTrimTokens,
			maxSeqLen: request.maxSeqLen,
			r3: config.r3,
			samplingMask: isOn(request.wire, "2026-09"),
			numLayers: context.numLayers,
		},
		wire: request.wire,
		// As the metadata of a GET has it.
		sessionMetadata: [
			'{"accumulated_token_ids":[',
			tokenIdsText(sequenceOf(active, turns)).toString("latin1"),
			`],"max_trim_tokens":${tito.family.maxTrimTokens},"history":${history}`,
			stopJoinsJson(active),
			sandboxEndsJson(meta),
			tree === null ? "" : `,"tree":${JSON.stringify(tree)}`,
			mismatch === "{}" ? "" : `,${mismatch.slice(1, -1)}`,
			tree === null || request.agentJson === null ? "" : `,"agent":${request.agentJson}`,
			"}",
		],
	};
}

async function leafPlans(
	leaves: readonly LeafPath[],
	turns: ReadonlyMap<TurnId, StoredTurn>,
	mismatchUpTo: (turn: TurnId | null) => Promise<string>,
): Promise<LeafPlan[]> {
	const plans: LeafPlan[] = [];
	for (const leaf of leaves) {
		const committed = leaf.provisional ? leaf.turns.slice(0, -1) : leaf.turns;
		plans.push({
			nodeId: leaf.nodeId,
			parent: leaf.parent,
			responseId: leaf.turns.at(-1)?.responseId ?? "",
			turns: leaf.turns.map(({ id }) => id),
			path: leaf.path,
			provisional: leaf.provisional,
			accumulated: sequenceOf(committed, turns),
			mismatchJson: await mismatchUpTo(leaf.committed),
		});
	}
	return plans;
}

/** One text for every spelling of the messages that a turn's request appended. */
function appendedForm(own: readonly StoredMessage[], tito: ReadContext["tito"]): string {
	return JSON.stringify(
		own.filter(({ generated }) => !generated).map((message) => storedForm(message, tito)),
	);
}
