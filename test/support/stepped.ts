// The store and a byte-wise tokenizer whose every wait is a step that the test takes. Change no result.
import type { SessionId, TurnId } from "../../src/base/ids.js";
import type { JsonObject } from "../../src/json/value.js";
import type { PartName, Store, StoreOp, Tombstone, TurnHeader } from "../../src/store/store.js";
import type { Tito } from "../../src/tito/tito.js";
import { PassingStore } from "./passing-store.js";

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
export class SteppedStore extends PassingStore {
	readonly #step: () => Promise<void>;
	readonly #onTurnWrite: (id: SessionId) => void;

	constructor(store: Store, step: () => Promise<void>, onTurnWrite: (id: SessionId) => void) {
		super(store);
		this.#step = step;
		this.#onTurnWrite = onTurnWrite;
	}

	override async headers(id: SessionId): Promise<TurnHeader[]> {
		const read = await super.headers(id);
		await this.#step();
		return read;
	}
	override async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		if (part === "reply") await this.#step();
		return super.part(id, turn, part);
	}
	override async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		const found = await super.tombstone(id);
		await this.#step();
		return found;
	}
	override async commit(ops: readonly StoreOp[]): Promise<void> {
		for (const op of ops) if (op.op === "append_turn") this.#onTurnWrite(op.session);
		await this.#step();
		await super.commit(ops);
		await this.#step();
	}
}
