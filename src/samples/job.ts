// One request for samples, from stored turns to the container's bytes. Runs on the assembly thread; touches no store.
import { parseJson } from "../json/parse.js";
import type { JsonObject, JsonValue } from "../json/value.js";
import { type AssembleOptions, assemblePath } from "./assemble.js";
import { encodeContainer } from "./container.js";
import type { ContainerPiece } from "./deferred-payloads.js";
import { type Hooks, runHooks } from "./hooks.js";
import type { ForestNode, LeafSample, PathNode } from "./leaves.js";
import { numberOf } from "./merge.js";
import type { ReadPayload } from "./replay.js";
import { readReplyMeta, type StoredReply } from "./reply-meta.js";
import type { PathTurn, Sample } from "./sample.js";
import type { SamplesWire } from "./wire.js";

/** One stored turn. Plain data: it crosses to the thread. */
export interface StoredTurn extends Omit<PathTurn, "meta">, StoredReply {}

/** One path of tree mode. */
export interface LeafPlan {
	nodeId: number;
	parent: number | null;
	responseId: string;
	/** Store turn ids, root first. */
	turns: number[];
	path: PathNode[];
	provisional: boolean;
	/** Tokens of the sequence that `accumulated_token_ids` tells: without a provisional turn's. */
	accumulated: Int32Array;
	/** JSON text of the leaf's own mismatch members. */
	mismatchJson: string;
}

export type PathPlan =
	| { kind: "linear"; turns: number[] }
	| { kind: "tree"; leaves: LeafPlan[]; forest: ForestNode[]; agentJson: string | null };

/** Plain data: it crosses to the thread. */
export interface SampleJob {
	/** Every turn that a path names. */
	turns: StoredTurn[];
	plan: PathPlan;
	options: AssembleOptions;
	wire: SamplesWire;
	/** JSON text of `session_metadata`, in pieces. */
	sessionMetadata: string[];
}

export interface JobSources {
	payload: ReadPayload;
	decode: (lists: readonly Int32Array[]) => Promise<string[]>;
}

/** @throws SampleError with the text of a 422 */
export async function runJob(job: SampleJob, sources: JobSources, hooks: Hooks): Promise<ContainerPiece[]> {
	const turns = new Map<number, PathTurn>();
	for (const stored of job.turns) turns.set(stored.turn, { ...stored, meta: readReplyMeta(stored) });
	const assemble = (path: readonly number[]) =>
		assemblePath(
			path.map((turn) => turns.get(turn) as PathTurn),
			job.options,
			sources,
		);
	const samples = await samplesOf(job.plan, assemble, hooks);
	const emptyReason = job.turns.length === 0 ? "no_records" : samples.length === 0 ? "all_truncated" : null;
	return encodeContainer({ samples, sessionMetadata: job.sessionMetadata, emptyReason, wire: job.wire });
}

async function samplesOf(
	plan: PathPlan,
	assemble: (path: readonly number[]) => Promise<Sample | null>,
	hooks: Hooks,
): Promise<Sample[]> {
	if (plan.kind === "linear") {
		const sample = plan.turns.length === 0 ? null : await assemble(plan.turns);
		return sample === null ? [] : [sample];
	}
	const leaves: LeafSample[] = [];
	for (const leaf of plan.leaves) {
		const sample = await assemble(leaf.turns);
		if (sample === null) continue;
		const { nodeId, parent, path, provisional } = leaf;
		const metadata = leafMetadata(sample.metadata, leaf);
		leaves.push({ sample: { ...sample, metadata }, nodeId, parent, path, provisional });
	}
	if (leaves.length === 0) return [];
	const agent = plan.agentJson === null ? null : parseJson(plan.agentJson);
	return runHooks(hooks, leaves, plan.forest, agent).map(({ sample }) => sample);
}

function leafMetadata(own: JsonObject, leaf: LeafPlan): JsonObject {
	const place: JsonObject = new Map<string, JsonValue>([
		["node_id", numberOf(leaf.nodeId)],
		["parent", leaf.parent === null ? null : numberOf(leaf.parent)],
		["path_node_ids", leaf.path.map(({ id }) => numberOf(id))],
		["response_id", leaf.responseId],
	]);
	if (leaf.provisional) place.set("provisional", true);
	const metadata: JsonObject = new Map(own)
		.set("accumulated_token_ids", Array.from(leaf.accumulated, numberOf))
		.set("leaf", place);
	for (const [key, value] of parseJson(leaf.mismatchJson) as JsonObject) metadata.set(key, value);
	return metadata;
}
