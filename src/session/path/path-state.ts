// What a next turn on one path needs, in memory: stored messages, tokens, their text. Rebuilt from the store at will.
import { int32FromBytes } from "../../base/binary.js";
import { GrowingBytes } from "../../base/growing-bytes.js";
import type { SessionId, TurnId } from "../../base/ids.js";
import { foreground } from "../../base/pace.js";
import { parseJson } from "../../json/parse.js";
import { TokenText } from "../../json/token-text.js";
import type { JsonObject } from "../../json/value.js";
import type { ReadableStore, TurnHeader } from "../../store/store.js";
import { type AnswerForm, formBytes, type PromptForm } from "./canonical.js";
import { elementRanges } from "./request-elements.js";
import type { EarlierMessages } from "./request-messages.js";

/** A generated turn on the active path, oldest first. */
export interface Checkpoint {
	turn: TurnId;
	/** Index in the stored messages right after the generated message. */
	messageEnd: number;
}

/** About what V8 and the allocator take for a message's object with a view, for a buffer, and for a parsed value. */
const MESSAGE_BYTES = 200;
const BUFFER_BYTES = 250;
const VALUE_BYTES = 500;
/** What a matcher keeps of a message it keeps when the message first comes back. */
const RECENT_MESSAGES = 32;

/** A stored message: the authoritative spelling, and the last other spelling that a client was let in with. */
export interface StoredMessage {
	bytes: Buffer;
	/** The engine's answer of a turn; else a message of a prompt. */
	generated: boolean;
	/** What other spellings are compared with (`echo`); made once, when the first one comes. */
	form: PromptForm | AnswerForm | null;
	/** Bytes of a replay that the matcher accepted here; the same bytes need no second look. */
	accepted: Buffer | null;
	parsed: JsonObject | null;
}

/** The value of a stored message, parsed once. */
export function storedValue(message: StoredMessage): JsonObject {
	message.parsed ??= parseJson(message.bytes, { maxDepth: Number.POSITIVE_INFINITY }) as JsonObject;
	return message.parsed;
}

/** The value of a stored message for one look at it: most are asked for once, and a kept value is many times its bytes. */
export function valueOnce(message: StoredMessage): JsonObject {
	return message.parsed ?? (parseJson(message.bytes, { maxDepth: Number.POSITIVE_INFINITY }) as JsonObject);
}

/** The state after the turn `head` (null: nothing generated yet). Tokens live in one growing array. */
export class PathState {
	head: TurnId | null = null;
	readonly messages: StoredMessage[] = [];
	readonly checkpoints: Checkpoint[] = [];
	readonly tokens = new TokenText();
	/** Messages of the head's request, for the byte-wise comparison with the next one. */
	request: EarlierMessages | null = null;
	readonly #content = new GrowingBytes();
	/** The first so many messages, and what they took when the last of them had become old. */
	#counted = 0;
	#countedBytes = 0;

	/**
	 * Takes in one turn after the present head.
	 * @param turn `tail`: its request's messages content after the bytes that it shares with the head's; `appended`, `generated`:
	 *   messages' bytes. All are copied
	 */
	push(
		header: TurnHeader,
		turn: { tail: Buffer; requestCount: number; appended: readonly Buffer[]; generated: Buffer },
		promptIds: Int32Array,
		completionIds: Int32Array,
	): void {
		// Only the last message's value is asked for turn by turn, and it is no longer the last.
		const last = this.messages.at(-1);
		if (last !== undefined) last.parsed = null;
		this.messages.push(...storedMessages(turn.appended, turn.generated));
		this.tokens.truncate(this.tokens.length - header.trimCount);
		this.tokens.append(promptIds);
		this.tokens.append(completionIds);
		this.checkpoints.push({ turn: header.id, messageEnd: this.messages.length });
		this.#content.replaceEnd(header.messagesShared, turn.tail);
		this.request = { content: this.#content.bytes, count: turn.requestCount };
		this.head = header.id;
	}

	/** About how much memory it holds, in bytes. Asked after each turn, so it looks at the newest messages only. */
	get bytes(): number {
		const settled = this.messages.length - RECENT_MESSAGES;
		if (settled > this.#counted) {
			this.#countedBytes += messageBytes(this.messages.slice(this.#counted, settled));
			this.#counted = settled;
		}
		return (
			this.tokens.byteCapacity +
			this.#content.byteCapacity +
			this.#countedBytes +
			messageBytes(this.messages.slice(this.#counted))
		);
	}
}

/** Messages of one turn, copied: a view would keep the whole body of every request alive, which grows with their square. */
function storedMessages(appended: readonly Buffer[], generated: Buffer): StoredMessage[] {
	const messages = [...appended, generated];
	const copy = Buffer.allocUnsafeSlow(messages.reduce((sum, { length }) => sum + length, 0));
	let end = 0;
	return messages.map((bytes, at) => {
		const start = end;
		end += bytes.copy(copy, start);
		const own = copy.subarray(start, end);
		return { bytes: own, generated: at === appended.length, form: null, accepted: null, parsed: null };
	});
}

/** A copy in memory of its own: small ones of node's share pieces of 8 KiB, which stay as long as any of them does. */
export function ownCopy(bytes: Buffer): Buffer {
	const copy = Buffer.allocUnsafeSlow(bytes.length);
	bytes.copy(copy);
	return copy;
}

/** About what messages take in memory, in bytes: their own, and the objects that hold them. */
export function messageBytes(messages: readonly StoredMessage[]): number {
	let bytes = 0;
	for (const { bytes: own, accepted, form, parsed } of messages) {
		bytes += MESSAGE_BYTES + own.length;
		if (form !== null) bytes += formBytes(form);
		if (accepted !== null) bytes += BUFFER_BYTES + accepted.length;
		if (parsed !== null) bytes += VALUE_BYTES + 2 * own.length;
	}
	return bytes;
}

/** Headers from the root to `turn`, oldest first. */
export function pathTo(headers: ReadonlyMap<TurnId, TurnHeader>, turn: TurnId | null): TurnHeader[] {
	const path: TurnHeader[] = [];
	for (let at = turn; at !== null; ) {
		const header = headers.get(at);
		if (header === undefined) throw new Error(`turn ${at} is named as a parent but is not stored`);
		path.push(header);
		at = header.parent;
	}
	return path.reverse();
}

/** Reads a path back from the store. */
export async function loadPath(
	store: ReadableStore,
	id: SessionId,
	headers: ReadonlyMap<TurnId, TurnHeader>,
	turn: TurnId | null,
): Promise<PathState> {
	const state = new PathState();
	for (const header of pathTo(headers, turn)) {
		if (foreground.isOver) await foreground.breathe();
		const [tail, prompt, completion, reply] = await Promise.all([
			store.part(id, header.id, "messages"),
			store.part(id, header.id, "prompt"),
			store.part(id, header.id, "completion"),
			store.part(id, header.id, "reply"),
		]);
		// The appended messages are always the last ones of the request.
		const added = tail.subarray(header.appendedOffset);
		const appended = elementRanges(added).map(({ start, end }) => added.subarray(start, end));
		const { replyMessage } = header;
		state.push(
			header,
			{
				tail,
				requestCount: header.requestCount,
				appended,
				generated: reply.subarray(replyMessage.start, replyMessage.end),
			},
			int32FromBytes(prompt),
			int32FromBytes(completion),
		);
	}
	return state;
}

/** The messages that each committed turn itself added, read back from the store. */
export async function loadTurnMessages(
	store: ReadableStore,
	id: SessionId,
	headers: ReadonlyMap<TurnId, TurnHeader>,
): Promise<Map<TurnId, StoredMessage[]>> {
	const messages = new Map<TurnId, StoredMessage[]>();
	for (const header of headers.values()) {
		if (foreground.isOver) await foreground.breathe();
		if (header.status === "committed") messages.set(header.id, await loadOwnMessages(store, id, header));
	}
	return messages;
}

/** The messages that one turn added: what it appended, and its answer. */
export async function loadOwnMessages(
	store: ReadableStore,
	id: SessionId,
	header: TurnHeader,
): Promise<StoredMessage[]> {
	const [tail, reply] = await Promise.all([
		store.part(id, header.id, "messages"),
		store.part(id, header.id, "reply"),
	]);
	const appended = tail.subarray(header.appendedOffset);
	const own = elementRanges(appended).map(({ start, end }) => appended.subarray(start, end));
	const generated = reply.subarray(header.replyMessage.start, header.replyMessage.end);
	return storedMessages(own, generated);
}
