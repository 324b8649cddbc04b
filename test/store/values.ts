// Sessions, turns and bytes for the store's tests.
import { createHash } from "node:crypto";
import type { SessionId, TurnId } from "../../src/base/ids.js";
import type { PartName, SessionMeta, Store, StoreOp, TurnHeader } from "../../src/store/store.js";

export const sid = (text: string) => text as SessionId;
export const tid = (number: number) => number as TurnId;

export function meta(id: SessionId, changes: Partial<SessionMeta> = {}): SessionMeta {
	return {
		id,
		createdAt: 1.5,
		expiresAt: 1e9 + 0.25,
		lastUsedAt: 2.5,
		metadataJson: '{"a": 1.0}',
		overridesJson: null,
		head: null,
		provisional: null,
		nextTurn: tid(0),
		turnCount: 0,
		tokenCount: 0,
		...changes,
	};
}

export function header(turn: number, changes: Partial<TurnHeader> = {}): TurnHeader {
	return {
		id: tid(turn),
		parent: turn === 0 ? null : tid(turn - 1),
		status: "committed",
		finishReason: "stop",
		timestamp: 3.25,
		requestTimestamp: 3,
		trimCount: 0,
		promptLength: 3,
		completionLength: 2,
		tokenCount: 5,
		messageCount: 2,
		requestCount: 1,
		messagesShared: 0,
		appendedOffset: 0,
		appendedCount: 1,
		requestHoles: { messages: 12, inputIds: 30 },
		replyHoles: [{ offset: 7, part: "payload:0" }],
		replyMessage: { start: 3, end: 9 },
		responseId: 'é\u0000"',
		idempotency: null,
		routedExpertsStartLen: null,
		...changes,
	};
}

export type Parts = Partial<Record<PartName, readonly Uint8Array[]>>;

export function append(session: SessionId, turn: number, parts: Parts = {}): StoreOp {
	const entries = Object.entries(parts) as Array<[PartName, readonly Uint8Array[]]>;
	return { op: "append_turn", session, header: header(turn), parts: new Map(entries) };
}

export function putSession(id: SessionId, changes: Partial<SessionMeta> = {}): StoreOp {
	return { op: "put_session", meta: meta(id, changes) };
}

export function bury(id: SessionId, at = 9.5): StoreOp {
	return { op: "bury", tombstone: { id, reason: "deleted", at } };
}

/** `length` bytes that differ by `seed` and repeat at no power of two. */
export function bytes(length: number, seed = 0): Buffer {
	const piece = Buffer.alloc(Math.min(length, 65_521));
	for (let at = 0; at < piece.length; at++) piece[at] = (at * 31 + seed * 17 + (at >> 8)) & 0xff;
	const whole = Buffer.alloc(length);
	for (let at = 0; at < length; at += piece.length) piece.copy(whole, at);
	return whole;
}

export function sha256(pieces: readonly Uint8Array[]): string {
	const hash = createHash("sha256");
	for (const piece of pieces) hash.update(piece);
	return hash.digest("hex");
}

export async function streamed(store: Store, id: SessionId, turn: number, part: PartName): Promise<Buffer[]> {
	const pieces: Buffer[] = [];
	for await (const piece of store.streamPart(id, tid(turn), part)) pieces.push(Buffer.from(piece));
	return pieces;
}

export async function liveIds(store: Store): Promise<string[]> {
	const ids: string[] = [];
	for await (const found of store.sessions()) ids.push(found.id);
	return ids.sort();
}

/** The payload of a turn of the writer that is killed: small and large ones are written in different ways. */
export const writersPayload = (turn: number): Buffer => bytes(turn % 2 === 0 ? 300_000 : 30_000, turn);
