// Tree mode: a request attaches at the deepest matching turn and grows a sibling or a new root. Discards nothing.
import { RollpinError } from "../../base/errors.js";
import type { TurnId } from "../../base/ids.js";
import type { TurnHeader } from "../../store/store.js";
import type { Session } from "../life/session.js";
import { PathState, type StoredMessage } from "../path/path-state.js";
import type { RequestMessages } from "../path/request-messages.js";
import {
	type AttachDeps,
	type Attachment,
	type Branch,
	checkAppended,
	departurePointOf,
	headerOf,
	type PositionPolicy,
} from "./attach.js";
import { answersFrom, departureAt, sameMessage, systemDeparture } from "./history.js";
import type { MessageMatcher } from "./matcher.js";
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
	const stored = await session.turnMessages();
	const own = (turn: TurnId): StoredMessage[] => {
		const messages = stored.get(turn);
		if (messages === undefined) throw new RollpinError("internal", `turn ${turn} has no messages`);
		return messages;
	};
	const children = childrenOf(committed);
	const common = (turn: TurnId, offset: number) => commonMessages(own(turn), messages, offset, deps.matcher);
	const found = deepestMatch(children, (turn, offset) => {
		const count = common(turn, offset);
		const answer = own(turn).at(-1);
		if (answer === undefined || count < own(turn).length) return null;
		return { count, exact: messages.bytes(offset + count - 1).equals(answer.bytes) };
	});
	const siblings = children.get(found?.turn ?? null) ?? [];
	const branch = branchFrom(siblings, found?.matched ?? 0, { common, deps, messages, own });
	if (found === null) {
		return { state: new PathState(), parent: null, appendedFrom: 0, discarded: [], rollback: null, branch };
	}
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
		rollback: null,
		branch,
	};
}

/** How many of a turn's own messages the request repeats from `offset` on, until the first that differs. */
function commonMessages(
	own: readonly StoredMessage[],
	messages: RequestMessages,
	offset: number,
	matcher: MessageMatcher,
): number {
	const limit = Math.min(own.length, messages.count - offset);
	let count = 0;
	while (count < limit && sameMessage(own[count] as StoredMessage, messages, offset + count, matcher))
		count++;
	return count;
}

/**
 * Which of the turns that stand where this request will is left, where and why; null when none stands there.
 * @param from messages of the request that stand before them all
 */
function branchFrom(
	siblings: readonly TurnId[],
	from: number,
	{
		common,
		deps,
		messages,
		own,
	}: {
		common: (turn: TurnId, offset: number) => number;
		deps: AttachDeps;
		messages: RequestMessages;
		own: (turn: TurnId) => StoredMessage[];
	},
): Branch | null {
	let left: { turn: TurnId; count: number } | null = null;
	for (const turn of siblings) {
		const count = common(turn, from);
		// Of several, the newest.
		if (left === null || count >= left.count) left = { turn, count };
	}
	if (left === null) return null;
	const stored = own(left.turn);
	const index = from + left.count;
	const system = from === 0 ? systemDeparture(stored, messages, deps.matcher) : null;
	if (system !== null) return { kind: "other", left: left.turn, ...departurePointOf(system) };
	const edited = answersFrom(messages, index);
	const whole = left.count === stored.length - 1 && index === messages.count;
	const kind = edited ? "edit" : whole ? "retry" : "reworded";
	return {
		kind,
		left: left.turn,
		...departurePointOf(departureAt(stored[left.count], messages, index, deps.matcher)),
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

/** `metadata.tree` of a read: every committed turn, and every leaf's path (docs/reference.md, Trees). */
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
