// From a finished generation to what the store keeps of the turn: only what it adds. Pure.
import { bytesOf } from "../../base/binary.js";
import { commonPrefix } from "../../base/common-prefix.js";
import type { TurnId } from "../../base/ids.js";
import type { PartBase, PartName, SessionMeta, StoreOp, TurnHeader, TurnStatus } from "../../store/store.js";
import type { EarlierMessages, RequestMessages } from "../path/request-messages.js";
import type { GeneratedReply, SentRequest } from "./generation.js";

export interface TurnInput {
	meta: SessionMeta;
	/** The turn it continues, or null for a first turn. */
	parent: TurnHeader | null;
	/** The parent's messages; null without a parent. */
	parentRequest: EarlierMessages | null;
	messages: RequestMessages;
	/** Index of the first appended message. */
	appendedFrom: number;
	trimCount: number;
	stopJoin: boolean;
	promptIds: Int32Array;
	generation: GeneratedReply;
	sent: SentRequest;
	status: Exclude<TurnStatus, "superseded">;
	timestamp: number;
	requestTimestamp: number;
	idempotency: { key: string; requestSha256: string } | null;
	routedExpertsStartLen: number | null;
	/** Null without tools. */
	toolsHash: string | null;
	/** `kwargsText` of what the prompt was rendered with. */
	templateKwargs: string;
}

export interface BuiltTurn {
	header: TurnHeader;
	parts: Map<PartName, readonly Uint8Array[]>;
	/** Payloads are cumulative as a rule: each begins as the parent's does. The store compares them. */
	bases: Map<PartName, PartBase>;
}

export function buildTurn(input: TurnInput): BuiltTurn {
	const { generation, messages, parent } = input;
	const appendedAt =
		input.appendedFrom < messages.count ? messages.range(input.appendedFrom).start : messages.content.length;
	const messagesShared = Math.min(sharedBytes(input.parentRequest, messages), appendedAt);
	const parts = new Map<PartName, readonly Uint8Array[]>([
		// Copied: a store that keeps what it is given would keep the whole body of every request alive.
		["messages", [Buffer.from(messages.content.subarray(messagesShared))]],
		["prompt", [bytesOf(input.promptIds)]],
		["completion", [bytesOf(generation.completionIds)]],
		["logprobs", [bytesOf(generation.logprobs)]],
		["request", input.sent.bytes],
		["reply", [generation.reply]],
	]);
	const bases = new Map<PartName, PartBase>();
	const parentParts = parent === null ? [] : payloadParts(parent);
	let payloads = 0;
	const replyHoles: TurnHeader["replyHoles"] = generation.excerpts.map((excerpt) => {
		if (excerpt.field === "prompt_token_ids") return { offset: excerpt.offset, part: "prompt_token_ids" };
		const part: `payload:${number}` = `payload:${payloads++}`;
		parts.set(part, excerpt.bytes);
		if (parent !== null && parentParts.includes(part)) {
			bases.set(part, { turn: parent.id, part, shared: excerpt.knownBytes });
		}
		return { offset: excerpt.offset, part };
	});
	const appendedCount = messages.count - input.appendedFrom;
	const header: TurnHeader = {
		id: input.meta.nextTurn,
		parent: parent?.id ?? null,
		status: input.status,
		finishReason: generation.finishReason,
		timestamp: input.timestamp,
		requestTimestamp: input.requestTimestamp,
		trimCount: input.trimCount,
		promptLength: input.promptIds.length,
		completionLength: generation.completionIds.length,
		tokenCount:
			(parent?.tokenCount ?? 0) - input.trimCount + input.promptIds.length + generation.completionIds.length,
		messageCount: (parent?.messageCount ?? 0) + appendedCount + 1,
		requestCount: messages.count,
		messagesShared,
		appendedOffset: appendedAt - messagesShared,
		appendedCount,
		requestHoles: input.sent.holes,
		replyHoles,
		replyMessage: generation.messageRange,
		responseId: generation.responseId,
		idempotency: input.idempotency,
		routedExpertsStartLen: input.routedExpertsStartLen,
		toolsHash: input.toolsHash,
		...(input.stopJoin ? { stopJoin: true as const } : {}),
		templateKwargs: input.templateKwargs,
	};
	return { header, parts, bases };
}

/** A request that was found to repeat the parent's when it was read need not be compared with it again. */
function sharedBytes(parent: EarlierMessages | null, { content, earlier }: RequestMessages): number {
	if (parent === null) return 0;
	return earlier === parent ? parent.content.length : commonPrefix(parent.content, content);
}

/** Stored payloads of a turn, in the order in which they stood. */
export function payloadParts({ replyHoles, payloadsDropped }: TurnHeader): Array<`payload:${number}`> {
	if (payloadsDropped === true) return [];
	return replyHoles.flatMap(({ part }) => (part === "prompt_token_ids" ? [] : part));
}

/**
 * The one atomic change that a finished generation makes: the turn, what it supersedes, and the session's new state.
 * @param discarded turns that a rollback throws away; they stay stored as superseded
 * @param depth committed turns on the path up to the parent
 * @param outdated turns whose payloads are given up
 */
export function commitOps(
	meta: SessionMeta,
	built: BuiltTurn,
	discarded: readonly TurnHeader[],
	depth: number,
	usedAt: number,
	outdated: readonly TurnHeader[],
): { ops: StoreOp[]; meta: SessionMeta; headers: TurnHeader[]; dropped: TurnId | null } {
	const provisional = built.header.status === "provisional";
	const changed = new Map(
		discarded.map((header) => [header.id, { ...header, status: "superseded" as TurnStatus }]),
	);
	const drops: StoreOp[] = [];
	for (const header of outdated) {
		const parts = payloadParts(header);
		if (parts.length === 0) continue;
		changed.set(header.id, { ...(changed.get(header.id) ?? header), payloadsDropped: true });
		for (const part of parts) drops.push({ op: "drop_part", session: meta.id, turn: header.id, part });
	}
	const headers = [...changed.values()];
	const next: SessionMeta = {
		...meta,
		lastUsedAt: usedAt,
		head: provisional ? built.header.parent : built.header.id,
		provisional: provisional ? built.header.id : null,
		nextTurn: (built.header.id + 1) as TurnId,
		turnCount: depth + (provisional ? 0 : 1),
		tokenCount: provisional
			? built.header.tokenCount -
				built.header.promptLength -
				built.header.completionLength +
				built.header.trimCount
			: built.header.tokenCount,
	};
	const ops: StoreOp[] = [
		{ op: "append_turn", session: meta.id, header: built.header, parts: built.parts, bases: built.bases },
		...headers.map((header): StoreOp => ({ op: "put_header", session: meta.id, header })),
		...drops,
		{ op: "put_session", meta: next },
	];
	// At most one provisional record, always the last one.
	if (meta.provisional !== null) ops.push({ op: "drop_turn", session: meta.id, turn: meta.provisional });
	return { ops, meta: next, headers: [...headers, built.header], dropped: meta.provisional };
}

/**
 * Turns whose payloads `--r3-keep latest` gives up with a new turn: those that can't become a path's last turn again.
 * The parent still can, by a retry of the new turn.
 */
export function outdatedBy(
	status: TurnStatus,
	parent: TurnHeader | null,
	discarded: readonly TurnHeader[],
	headers: ReadonlyMap<TurnId, TurnHeader>,
): TurnHeader[] {
	if (status === "provisional") return [];
	const grandparent = parent?.parent == null ? undefined : headers.get(parent.parent);
	return grandparent === undefined ? [...discarded] : [grandparent, ...discarded];
}
