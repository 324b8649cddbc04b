// The trainer's view of a session, as bytes, chunk by chunk: what GET answers. Never builds the whole as one string.
import { int32FromBytes } from "../base/binary.js";
import { GrowingBytes } from "../base/growing-bytes.js";
import type { SessionId } from "../base/ids.js";
import { background } from "../base/pace.js";
import { TokenText } from "../json/token-text.js";
import type { Session } from "../session/life/session.js";
import { pathTo } from "../session/path/path-state.js";
import { describeTree } from "../session/place/tree.js";
import type { ReadableStore, SessionMeta, TurnHeader } from "../store/store.js";

/** Which routing and sampling payloads a read carries: of every record, of the last one only, or of none. */
export type PayloadChoice = "all" | "latest" | "none";

/** What a read shows, as of one moment; committed turns stay as they are until the session is buried. */
export interface ReadPlan {
	id: SessionId;
	meta: SessionMeta;
	path: TurnHeader[];
	provisional: TurnHeader | null;
	/** Turns that a retry replaced, in id order, each as the path that ends with it. */
	superseded: TurnHeader[][];
	/** `metadata.tree` */
	tree: object;
}

export async function planRead(session: Session): Promise<ReadPlan> {
	const headers = await session.headers();
	const { meta } = session;
	const { provisional } = meta;
	return {
		id: meta.id,
		meta,
		path: pathTo(headers, meta.head),
		provisional: (provisional === null ? undefined : headers.get(provisional)) ?? null,
		superseded: [...headers.values()]
			.filter(({ status }) => status === "superseded")
			.sort((a, b) => a.id - b.id)
			.map(({ id }) => pathTo(headers, id)),
		tree: describeTree(headers.values()),
	};
}

/**
 * The accumulated tokens alone, as `recordChunks` returns them.
 * @throws TurnGone as `recordChunks`
 */
export async function accumulatedTokens(store: ReadableStore, { id, path }: ReadPlan): Promise<TokenText> {
	const tokens = new TokenText();
	for (const header of path) {
		if (background.isOver) await background.breathe();
		tokens.truncate(tokens.length - header.trimCount);
		tokens.append(int32FromBytes(await store.part(id, header.id, "prompt")));
		tokens.append(int32FromBytes(await store.part(id, header.id, "completion")));
	}
	return tokens;
}

/** How a record's object begins. */
export interface RecordOpening {
	first: Buffer;
	following: Buffer;
}

export interface RecordOptions {
	payloads: PayloadChoice;
	opening?: RecordOpening;
	/** To read payloads into, in turn: of two buffers, a chunk is valid until the next but one is asked for. */
	buffers?: readonly Buffer[] | undefined;
	/** Told of the bytes of payloads as they are read. */
	onPayload?: ((bytes: number) => void) | undefined;
}

const ELEMENTS: RecordOpening = { first: Buffer.from("{"), following: Buffer.from(",{") };

/**
 * The elements of `records`, comma-separated (unless another `opening` is given). Returns the accumulated tokens.
 * @throws TurnGone when the session is buried during the read, or the next commit drops its provisional turn: then
 * what was handed on must not pass for a whole answer
 */
export async function* recordChunks(
	store: ReadableStore,
	plan: ReadPlan,
	{ payloads, opening = ELEMENTS, buffers, onPayload }: RecordOptions,
): AsyncGenerator<Buffer, TokenText> {
	const turns = plan.provisional === null ? plan.path : [...plan.path, plan.provisional];
	// One list, and one content, for all records: each record has views of them, and the next one only adds to what was shown.
	const content = new GrowingBytes();
	const tokens = new TokenText();
	for (const [index, header] of turns.entries()) {
		if (background.isOver) await background.breathe();
		const tail = await store.part(plan.id, header.id, "messages");
		const request = await store.part(plan.id, header.id, "request");
		const reply = await store.part(plan.id, header.id, "reply");
		content.replaceEnd(header.messagesShared, tail);
		const prompt = int32FromBytes(await store.part(plan.id, header.id, "prompt"));
		const kept = tokens.length - header.trimCount;
		// A provisional turn is no part of the sequence: the tokens that it trimmed stay in it.
		const provisional = header.status === "provisional";
		const promptText = provisional ? Buffer.concat(tokens.textWith(kept, prompt)) : null;
		if (promptText === null) {
			tokens.truncate(kept);
			tokens.append(prompt);
		}
		yield index === 0 ? opening.first : opening.following;
		const wanted = payloads === "all" || (payloads === "latest" && index === turns.length - 1);
		const carry = wanted && header.payloadsDropped !== true;
		const filled = {
			request,
			reply,
			content: content.bytes,
			promptText: promptText ?? tokens.text(),
			carry,
			buffers,
			onPayload,
		};
		yield* recordOf(store, plan.id, header, filled);
		if (provisional) break;
		tokens.append(int32FromBytes(await store.part(plan.id, header.id, "completion")));
	}
	return tokens;
}

/**
 * Records of the turns that retries replaced, comma-separated, each with its `turn`. Each path is read from its root: there
 * are few.
 * @throws TurnGone as `recordChunks`
 */
export async function* supersededChunks(
	store: ReadableStore,
	plan: ReadPlan,
	{ payloads, opening = ELEMENTS, buffers, onPayload }: RecordOptions,
): AsyncGenerator<Buffer> {
	for (const [index, path] of plan.superseded.entries()) {
		const tokens = new TokenText();
		const content = new GrowingBytes();
		for (const header of path) {
			if (background.isOver) await background.breathe();
			content.replaceEnd(header.messagesShared, await store.part(plan.id, header.id, "messages"));
			tokens.truncate(tokens.length - header.trimCount);
			tokens.append(int32FromBytes(await store.part(plan.id, header.id, "prompt")));
			if (header !== path.at(-1))
				tokens.append(int32FromBytes(await store.part(plan.id, header.id, "completion")));
		}
		const header = path.at(-1) as TurnHeader;
		const request = await store.part(plan.id, header.id, "request");
		const reply = await store.part(plan.id, header.id, "reply");
		const carry = payloads === "all" && header.payloadsDropped !== true;
		const filled = {
			request,
			reply,
			content: content.bytes,
			promptText: tokens.text(),
			carry,
			buffers,
			onPayload,
		};
		yield index === 0 ? opening.first : opening.following;
		yield Buffer.from(`"turn":${header.id},"superseded":true,`);
		yield* recordOf(store, plan.id, header, filled);
	}
}

/** What a record is made of, but for its payloads, which may be too large to hold. */
interface RecordBytes {
	request: Buffer;
	reply: Buffer;
	content: Buffer;
	promptText: Buffer;
	/** Whether the payloads are put back. */
	carry: boolean;
	buffers: readonly Buffer[] | undefined;
	onPayload: ((bytes: number) => void) | undefined;
}

/** A record without its opening brace. */
async function* recordOf(
	store: ReadableStore,
	id: SessionId,
	header: TurnHeader,
	filled: RecordBytes,
): AsyncGenerator<Buffer> {
	yield Buffer.from(
		`"timestamp":${header.timestamp},"request_timestamp":${header.requestTimestamp},` +
			`"method":"POST","path":"/v1/chat/completions","request":`,
	);
	yield* fill(filled.request, [
		{ offset: header.requestHoles.messages, bytes: filled.content },
		{ offset: header.requestHoles.inputIds, bytes: filled.promptText },
	]);
	yield Buffer.from(',"response":');
	yield* replyChunks(store, id, header, filled);
	yield Buffer.from(
		header.status === "provisional" ? ',"status_code":200,"provisional":true}' : ',"status_code":200}',
	);
}

/** The engine's reply with its excerpts back in their places; payloads stream from the store. */
async function* replyChunks(
	store: ReadableStore,
	id: SessionId,
	header: TurnHeader,
	{ reply, promptText, carry, buffers, onPayload }: RecordBytes,
): AsyncGenerator<Buffer> {
	let at = 0;
	for (const hole of header.replyHoles) {
		yield reply.subarray(at, hole.offset);
		at = hole.offset;
		if (hole.part === "prompt_token_ids") yield promptText;
		else if (carry) {
			for await (const piece of store.streamPart(id, header.id, hole.part, buffers)) {
				onPayload?.(piece.length);
				yield piece;
			}
		}
	}
	yield reply.subarray(at);
}

function* fill(bytes: Buffer, holes: Array<{ offset: number; bytes: Buffer }>): Generator<Buffer> {
	let at = 0;
	for (const hole of holes.toSorted((a, b) => a.offset - b.offset)) {
		yield bytes.subarray(at, hole.offset);
		yield hole.bytes;
		at = hole.offset;
	}
	yield bytes.subarray(at);
}
