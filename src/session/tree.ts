// Tree mode: a request attaches at the deepest matching turn and grows a sibling or a new root. Discards nothing.
import { RollpinError } from "../base/errors.js";
import type { TurnId } from "../base/ids.js";
import type { TurnHeader } from "../store/store.js";
import { type AttachDeps, type Attachment, checkAppended, headerOf, type PositionPolicy } from "./attach.js";
import { sameMessage } from "./history.js";
import { PathState } from "./path-state.js";
import type { RequestMessages } from "./request-messages.js";
import type { Session } from "./session.js";
import { deepestMatch } from "./tree-position.js";

/** Concurrent turns of one parent become siblings, so nothing is held while the engine works. */
export const treePolicy: PositionPolicy = { exclusive: false, attach: attachTree };

async function attachTree(
	session: Session,
	messages: RequestMessages,
	deps: AttachDeps,
): Promise<Attachment> {
	const headers = await session.headers();
	const committed = [...headers.values()].filter((header) => header.status === "committed");
	// Under the lock, the other running chats are those that may still add a turn each.
	if (committed.length + session.chatsRunning - 1 >= deps.maxTreeNodes) {
		throw new RollpinError(
			"session_too_large",
			`session ${session.meta.id} has ${committed.length} turns in its tree, its limit; ` +
				"start another session or raise --max-tree-nodes",
		);
	}
	const own = await session.turnMessages();
	const found = deepestMatch(childrenOf(committed), (turn, offset) => {
		const stored = own.get(turn);
		if (stored === undefined) throw new RollpinError("internal", `turn ${turn} has no messages`);
		if (offset + stored.length > messages.count) return null;
		const matches = stored.every((message, i) => sameMessage(message, messages, offset + i, deps.matcher));
		return matches ? stored.length : null;
	});
	if (found === null)
		return { state: new PathState(), parent: null, appendedFrom: 0, discarded: [], altered: null };
	const parent = headerOf(headers, found.turn);
	if (parent.finishReason === "length") {
		throw new RollpinError(
			"truncated_turn",
			`truncated generation cannot be extended: turn ${parent.id} ended by length; retry it with a larger max_tokens`,
		);
	}
	checkAppended(messages, found.matched, deps.tito);
	return {
		state: await session.checkOut(found.turn),
		parent,
		appendedFrom: found.matched,
		discarded: [],
		altered: null,
	};
}

function childrenOf(turns: readonly TurnHeader[]): Map<TurnId | null, TurnId[]> {
	const children = new Map<TurnId | null, TurnId[]>();
	for (const { id, parent } of turns) {
		const siblings = children.get(parent);
		if (siblings === undefined) children.set(parent, [id]);
		else siblings.push(id);
	}
	return children;
}

/** `metadata.tree` of a read: every committed turn, and every leaf's path (reference section 9.5). */
export function describeTree(headers: Iterable<TurnHeader>): object {
	const committed = [...headers]
		.filter((header) => header.status === "committed")
		.sort((a, b) => a.id - b.id);
	// Ids in the reply count committed turns only, as the reference does; ours also count provisional ones.
	const index = new Map(committed.map((header, position) => [header.id, position]));
	const position = (turn: TurnId | null) => (turn === null ? null : (index.get(turn) ?? null));
	const parents = new Set(committed.map((header) => header.parent));
	const byId = new Map(committed.map((header) => [header.id, header]));
	return {
		nodes: committed.map((header) => ({
			id: position(header.id),
			parent: position(header.parent),
			seq: position(header.id),
			truncated: header.finishReason === "length",
			committed_at: header.timestamp,
			completion_span: [header.tokenCount - header.completionLength, header.tokenCount],
			num_tokens: header.tokenCount,
			response_id: header.responseId,
		})),
		leaves: committed
			.filter((header) => !parents.has(header.id))
			.map((header) => {
				const path: Array<number | null> = [];
				for (let at: TurnHeader | undefined = header; at !== undefined; ) {
					path.push(position(at.id));
					at = at.parent === null ? undefined : byId.get(at.parent);
				}
				return { node_id: position(header.id), path_node_ids: path.reverse() };
			}),
	};
}
