// Tree mode's default hooks: which leaves become samples, and which of them trains a shared turn. Pure.
import type { JsonObject, JsonValue } from "../json/value.js";
import type { Sample } from "./sample.js";

/** One node of the path of a leaf. */
export interface PathNode {
	/** 0-based commit index. */
	id: number;
	/** Range of the completion in the leaf's sequence, as sampled. */
	completionStart: number;
	completionEnd: number;
}

/** One sample of tree mode with its place in the forest. */
export interface LeafSample {
	sample: Sample;
	nodeId: number;
	parent: number | null;
	path: readonly PathNode[];
	/** An aborted generation that nothing has replaced. */
	provisional: boolean;
}

/** What both hooks are given of the whole forest. */
export interface ForestNode {
	id: number;
	parent: number | null;
	/** Tells the messages that its request appended from a sibling's; absent where it has no sibling. */
	appended?: string;
}

/** Keys of a sample's metadata that only the server fills. */
const SERVER_KEYS = new Set([
	"accumulated_token_ids",
	"tito_session_mismatch",
	"tito_mismatch_error",
	"leaf",
]);

/**
 * Drops a leaf that was tried again: one with a later committed sibling of the same appended messages. Another sibling is
 * another line of work. Roots stay, whatever came later. A provisional turn pushes nothing out.
 */
export function dropRetries(leaves: readonly LeafSample[], forest: readonly ForestNode[]): LeafSample[] {
	return withoutRetried(leaves, forest).sort((a, b) => b.path.length - a.path.length || b.nodeId - a.nodeId);
}

/** The leaves that `dropRetries` keeps, in the order they were given; known before anything of them is read. */
export function withoutRetried<Leaf extends { nodeId: number; parent: number | null }>(
	leaves: readonly Leaf[],
	forest: readonly ForestNode[],
): Leaf[] {
	const latest = new Map<string, number>();
	const tryOf = ({ appended = "", parent }: Pick<ForestNode, "appended" | "parent">) =>
		`${parent} ${appended}`;
	for (const node of forest) latest.set(tryOf(node), Math.max(latest.get(tryOf(node)) ?? -1, node.id));
	const nodes = new Map(forest.map((node) => [node.id, node]));
	return leaves.filter(({ nodeId, parent }) => {
		const node = nodes.get(nodeId);
		// A provisional one stands in no forest: it is the newest.
		return parent === null || node === undefined || (latest.get(tryOf(node)) ?? -1) <= nodeId;
	});
}

/** Shared turns train once, in the kept leaf with the smallest id; agent metadata and reward are laid over. */
export function shareOut(leaves: readonly LeafSample[], agent: JsonObject | null): LeafSample[] {
	const owners = new Map<number, number>();
	for (const { nodeId, path } of leaves) {
		for (const { id } of path) owners.set(id, Math.min(owners.get(id) ?? nodeId, nodeId));
	}
	return leaves.map((leaf) => {
		const { sample } = leaf;
		const lossMask = sample.lossMask.slice();
		const base = sample.tokens.length - sample.responseLength;
		for (const { id, completionStart, completionEnd } of leaf.path) {
			if (owners.get(id) === leaf.nodeId) continue;
			lossMask.fill(0, within(completionStart - base, lossMask), within(completionEnd - base, lossMask));
		}
		const withMetadata: Sample = {
			...sample,
			lossMask,
			metadata: overlay(sample.metadata, agent),
			reward: agent?.get("reward") ?? null,
		};
		return { ...leaf, sample: withMetadata };
	});
}

function within(at: number, mask: Uint8Array): number {
	return Math.min(mask.length, Math.max(0, at));
}

function overlay(own: JsonObject, agent: JsonObject | null): JsonObject {
	const merged = new Map<string, JsonValue>(own);
	for (const [key, value] of agent ?? []) if (!SERVER_KEYS.has(key)) merged.set(key, value);
	return merged;
}
