// From a finished generation to what the store keeps of the turn: only what it adds. Pure.
import type { TurnId } from "../base/ids.js";
import type { PartName, SessionMeta, StoreOp, TurnHeader, TurnStatus } from "../store/store.js";
import { bytesOf } from "./binary.js";
import type { GeneratedReply, SentRequest } from "./generation.js";
import type { RequestMessages } from "./request-messages.js";

export interface TurnInput {
	meta: SessionMeta;
	/** The turn it continues, or null for a first turn. */
	parent: TurnHeader | null;
	/** The parent's messages content; empty without a parent. */
	parentContent: Buffer;
	messages: RequestMessages;
	/** Index of the first appended message. */
	appendedFrom: number;
	trimCount: number;
	promptIds: Int32Array;
	generation: GeneratedReply;
	sent: SentRequest;
	status: Exclude<TurnStatus, "superseded">;
	timestamp: number;
	requestTimestamp: number;
	idempotency: { key: string; requestSha256: string } | null;
	routedExpertsStartLen: number | null;
}

export interface BuiltTurn {
	header: TurnHeader;
	parts: Map<PartName, readonly Uint8Array[]>;
}

export function buildTurn(input: TurnInput): BuiltTurn {
	const { generation, messages, parent } = input;
	const appendedAt =
		input.appendedFrom < messages.count ? messages.range(input.appendedFrom).start : messages.content.length;
	const messagesShared = Math.min(commonPrefix(input.parentContent, messages.content), appendedAt);
	const parts = new Map<PartName, readonly Uint8Array[]>([
		// Copied: a store that keeps what it is given would keep the whole body of every request alive.
		["messages", [Buffer.from(messages.content.subarray(messagesShared))]],
		["prompt", [bytesOf(input.promptIds)]],
		["completion", [bytesOf(generation.completionIds)]],
		["logprobs", [bytesOf(generation.logprobs)]],
		["request", input.sent.bytes],
		["reply", [generation.reply]],
	]);
	let payloads = 0;
	const replyHoles: TurnHeader["replyHoles"] = generation.cuts.map((cut) => {
		if (cut.field === "prompt_token_ids") return { offset: cut.offset, part: "prompt_token_ids" };
		const part: `payload:${number}` = `payload:${payloads++}`;
		parts.set(part, cut.bytes);
		return { offset: cut.offset, part };
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
		fresh: parent === null,
		requestHoles: input.sent.holes,
		replyHoles,
		replyMessage: generation.messageRange,
		responseId: generation.responseId,
		idempotency: input.idempotency,
		routedExpertsStartLen: input.routedExpertsStartLen,
	};
	return { header, parts };
}

/**
 * The one atomic change that a finished generation makes: the turn, what it supersedes, and the session's new facts.
 * @param discarded turns that a rollback throws away; they stay stored as superseded
 * @param depth committed turns on the path up to the parent
 */
export function commitOps(
	meta: SessionMeta,
	built: BuiltTurn,
	discarded: readonly TurnHeader[],
	depth: number,
	usedAt: number,
): { ops: StoreOp[]; meta: SessionMeta; headers: TurnHeader[]; dropped: TurnId | null } {
	const provisional = built.header.status === "provisional";
	const superseded = discarded.map((header): TurnHeader => ({ ...header, status: "superseded" }));
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
		{ op: "append_turn", session: meta.id, header: built.header, parts: built.parts },
		...superseded.map((header): StoreOp => ({ op: "put_header", session: meta.id, header })),
		{ op: "put_session", meta: next },
	];
	// At most one provisional record, always the last one (contract section 5).
	if (meta.provisional !== null) ops.push({ op: "drop_turn", session: meta.id, turn: meta.provisional });
	return { ops, meta: next, headers: [...superseded, built.header], dropped: meta.provisional };
}

/** Length of the longest common prefix, found by halving over native comparisons. */
function commonPrefix(a: Buffer, b: Buffer): number {
	const limit = Math.min(a.length, b.length);
	if (a.compare(b, 0, limit, 0, limit) === 0) return limit;
	let equal = 0;
	let different = limit;
	while (different - equal > 1) {
		const middle = (equal + different) >>> 1;
		if (a.compare(b, equal, middle, equal, middle) === 0) equal = middle;
		else different = middle;
	}
	return equal;
}
