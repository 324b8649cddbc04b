// The trainer's view of a session, as bytes, piece by piece: what GET answers. Never builds the whole as one string.
import type { SessionId } from "../base/ids.js";
import { tokenIdsText } from "../json/token-text.js";
import type { Store, TurnHeader } from "../store/store.js";
import { int32FromBytes } from "./binary.js";
import { pathTo } from "./path-state.js";
import type { Session } from "./session.js";

/** Which replay payloads a read carries: of every record, of the last one only, or of none. */
export type PayloadChoice = "all" | "latest" | "none";

/** The path of turns that a read shows, taken at one moment; turns never change afterwards. */
export interface ReadPlan {
	id: SessionId;
	path: TurnHeader[];
	provisional: TurnHeader | null;
}

export async function planRead(session: Session): Promise<ReadPlan> {
	const headers = await session.headers();
	const { meta } = session;
	return {
		id: meta.id,
		path: pathTo(headers, meta.head),
		provisional: (meta.provisional === null ? undefined : headers.get(meta.provisional)) ?? null,
	};
}

/** The elements of `records`, comma-separated, then the accumulated token ids' text through `onTokens`. */
export async function* recordPieces(
	store: Store,
	plan: ReadPlan,
	payloads: PayloadChoice,
	onTokens: (ids: Int32Array) => void,
): AsyncGenerator<Buffer> {
	const turns = plan.provisional === null ? plan.path : [...plan.path, plan.provisional];
	let content: Buffer = Buffer.alloc(0);
	let tokens: Int32Array = new Int32Array(0);
	for (const [index, header] of turns.entries()) {
		const tail = await store.part(plan.id, header.id, "messages");
		content = Buffer.concat([content.subarray(0, header.messagesShared), tail]);
		const prompt = int32FromBytes(await store.part(plan.id, header.id, "prompt"));
		const kept = tokens.length - header.trimCount;
		const promptIds = new Int32Array(kept + prompt.length);
		promptIds.set(tokens.subarray(0, kept));
		promptIds.set(prompt, kept);
		if (index > 0) yield Buffer.from(",");
		const carry = payloads === "all" || (payloads === "latest" && index === turns.length - 1);
		yield* recordOf(store, plan.id, header, content, tokenIdsText(promptIds), carry);
		if (header.status === "provisional") break;
		const completion = int32FromBytes(await store.part(plan.id, header.id, "completion"));
		tokens = new Int32Array(promptIds.length + completion.length);
		tokens.set(promptIds);
		tokens.set(completion, promptIds.length);
	}
	onTokens(tokens);
}

async function* recordOf(
	store: Store,
	id: SessionId,
	header: TurnHeader,
	messages: Buffer,
	promptText: Buffer,
	carryPayloads: boolean,
): AsyncGenerator<Buffer> {
	yield Buffer.from(
		`{"timestamp":${header.timestamp},"request_timestamp":${header.requestTimestamp},` +
			`"method":"POST","path":"/v1/chat/completions","request":`,
	);
	const request = await store.part(id, header.id, "request");
	yield* fill(request, [
		{ offset: header.requestHoles.messages, bytes: messages },
		{ offset: header.requestHoles.inputIds, bytes: promptText },
	]);
	yield Buffer.from(',"response":');
	yield* replyPieces(store, id, header, promptText, carryPayloads);
	yield Buffer.from(
		header.status === "provisional" ? ',"status_code":200,"provisional":true}' : ',"status_code":200}',
	);
}

/** The engine's reply with what was cut out put back; payloads stream from the store. */
async function* replyPieces(
	store: Store,
	id: SessionId,
	header: TurnHeader,
	promptText: Buffer,
	carryPayloads: boolean,
): AsyncGenerator<Buffer> {
	const reply = await store.part(id, header.id, "reply");
	let at = 0;
	for (const hole of header.replyHoles) {
		yield reply.subarray(at, hole.offset);
		at = hole.offset;
		if (hole.part === "prompt_token_ids") yield promptText;
		else if (carryPayloads) yield* store.streamPart(id, header.id, hole.part);
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
