// Reads what a request for samples needs from the store. Holds no lock: turns it reads never change, or it starts over.

import { int32FromBytes } from "../base/binary.js";
import { RollpinError } from "../base/errors.js";
import type { TurnId } from "../base/ids.js";
import { tokenIdsText } from "../json/token-text.js";
import type { JobReads } from "../samples/assembler.js";
import type { LeafPlan, SampleJob, StoredTurn } from "../samples/job.js";
import { withoutRetried } from "../samples/leaves.js";
import { isOn } from "../samples/wire.js";
import type { Session } from "../session/life/session.js";
import type { StoredMessage } from "../session/path/path-state.js";
import { storedForm } from "../session/place/echo-matcher.js";
import { describeTree } from "../session/place/tree.js";
import type { TurnHeader } from "../store/store.js";
import { TurnGone } from "../store/store-errors.js";
import type { WorkerContext } from "../worker/context.js";
import { mismatchJson } from "./mismatch.js";
import type { SamplesBody } from "./samples-body.js";
import { planSamples } from "./samples-plan.js";
import { stopJoinsJson } from "./session-json.js";

export type SamplesContext = Pick<WorkerContext, "counters" | "numLayers" | "store" | "tito"> & {
	config: Pick<WorkerContext["config"], "mode" | "samplePicker" | "r3">;
	/** Absent where no cluster's log is written. */
	logger?: WorkerContext["logger"];
};

const READ_BYTES = 256 * 1024;

/** A provisional turn may be superseded while it is read; that often in a row means a client that does nothing else. */
const MAX_TRIES = 5;

/** @throws RollpinError `session_state_conflict`; the 404 of a session that closes meanwhile */
export async function gatherJob(
	context: SamplesContext,
	session: Session,
	body: SamplesBody,
): Promise<SampleJob> {
	for (let tries = 0; tries < MAX_TRIES; tries++) {
		try {
			const job = await tryGather(context, session, body);
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
export function jobReads(context: SamplesContext, session: Session, job: SampleJob): JobReads {
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
	context: SamplesContext,
	session: Session,
	body: SamplesBody,
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
		const stored = await readTurn(context, session, header);
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
		tree === null || body.agentJson === null ? "" : `,"agent":${body.agentJson}`,
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
				: { kind: "tree", leaves, forest, agentJson: body.agentJson },
		options: {
			maxTrimTokens: tito.family.maxTrimTokens,
			maxSeqLen: body.maxSeqLen,
			r3: config.r3,
			samplingMask: isOn(body.wire, "2026-09"),
			numLayers: context.numLayers,
		},
		wire: body.wire,
		sessionMetadata,
	};
}

/** One text for every spelling of the messages that a turn's request appended. */
function appendedForm(own: readonly StoredMessage[], tito: SamplesContext["tito"]): string {
	return JSON.stringify(
		own.filter(({ generated }) => !generated).map((message) => storedForm(message, tito)),
	);
}

/** Null when what is stored is not what the header says. */
async function readTurn(
	context: SamplesContext,
	session: Session,
	header: TurnHeader,
): Promise<StoredTurn | null> {
	const { store } = context;
	const { id } = session.meta;
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
function sequenceOf(path: readonly TurnHeader[], turns: ReadonlyMap<TurnId, StoredTurn>): Int32Array {
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
