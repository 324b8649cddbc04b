// The store and a byte-wise tokenizer whose every wait is a step that the test takes. Change no result.
import type { SessionId, TurnId } from "../../src/base/ids.js";
import type { JsonObject } from "../../src/json/value.js";
import type {
	Obligation,
	PartCursor,
	PartName,
	SessionMeta,
	Store,
	StoreOp,
	Tombstone,
	TurnHeader,
} from "../../src/store/store.js";
import type { Tito } from "../../src/tito/tito.js";

/** Every byte of every content is a token. */
export function byteTito(step: () => Promise<void>): Tito {
	const encode = async (messages: readonly JsonObject[]) => {
		await step();
		return Int32Array.from(
			messages.flatMap((message) => [0, ...Buffer.from(String(message.get("content")))]),
		);
	};
	return {
		family: {
			name: "bytes",
			pinnedKwargs: {},
			appendRoles: ["tool", "user", "system", "assistant"],
			maxTrimTokens: 0,
		},
		useToolSchema: () => undefined,
		encodeByTemplate: async () => null,
		effectiveKwargs: () => new Map(),
		encodePrompt: ({ messages }) => encode(messages),
		encodeSuffix: ({ appended }) => encode(appended),
		joinBoundary: () => ({ trimCount: 0, insert: [] }),
		decode: async (ids) => Buffer.from(ids).toString(),
		decodeMany: async (lists) => lists.map((ids) => Buffer.from(ids).toString()),
		encodeConversation: ({ messages }) => encode(messages),
		partSeparator: () => "",
		shows: () => false,
		segmentation: { boundaries: new Set([0]), trailing: new Set(), assistantStart: null },
		vocabSize: 256,
	};
}

/** The store, with a step in front of every read and on both sides of every commit. */
export class SteppedStore implements Store {
	readonly #store: Store;
	readonly #step: () => Promise<void>;
	readonly #onTurnWrite: (id: SessionId) => void;

	constructor(store: Store, step: () => Promise<void>, onTurnWrite: (id: SessionId) => void) {
		this.#store = store;
		this.#step = step;
		this.#onTurnWrite = onTurnWrite;
	}

	sessions(): AsyncIterable<SessionMeta> {
		return this.#store.sessions();
	}
	session(id: SessionId): Promise<SessionMeta | undefined> {
		return this.#store.session(id);
	}
	async headers(id: SessionId): Promise<TurnHeader[]> {
		const read = await this.#store.headers(id);
		await this.#step();
		return read;
	}
	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		if (part === "reply") await this.#step();
		return this.#store.part(id, turn, part);
	}
	streamPart(
		id: SessionId,
		turn: TurnId,
		part: PartName,
		buffers?: readonly Buffer[],
	): AsyncIterable<Buffer> {
		return this.#store.streamPart(id, turn, part, buffers);
	}
	openPart(id: SessionId, turn: TurnId, part: PartName): PartCursor {
		return this.#store.openPart(id, turn, part);
	}
	partLength(id: SessionId, turn: TurnId, part: PartName): Promise<number> {
		return this.#store.partLength(id, turn, part);
	}
	async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		const found = await this.#store.tombstone(id);
		await this.#step();
		return found;
	}
	async commit(ops: readonly StoreOp[]): Promise<void> {
		for (const op of ops) if (op.op === "append_turn") this.#onTurnWrite(op.session);
		await this.#step();
		await this.#store.commit(ops);
		await this.#step();
	}
	obligations(): AsyncIterable<Obligation> {
		return this.#store.obligations();
	}
	obligationsOf(id: SessionId): Promise<Obligation[]> {
		return this.#store.obligationsOf(id);
	}
	sizeBytes(): Promise<number> {
		return this.#store.sizeBytes();
	}
	close(): Promise<void> {
		return this.#store.close();
	}
}
