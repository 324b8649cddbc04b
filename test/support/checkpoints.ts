// Named points inside a turn at which a test holds it: decorators of the real store and tokenizer. Changes no result.
import type { SessionId, TurnId } from "../../src/base/ids.js";
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
import { within } from "./wait.js";

interface Point {
	arrived: Promise<void>;
	arrive: () => void;
	opened: Promise<void>;
	open: () => void;
}

/** Points that were armed hold the next one who passes; all others let everybody through. */
export class Checkpoints {
	readonly #armed = new Map<string, Point>();

	/** Holds the next pass of `name`. */
	arm(name: string): { arrived: () => Promise<void>; open: () => void } {
		let arrive = () => {};
		let open = () => {};
		const arrived = new Promise<void>((resolve) => {
			arrive = resolve;
		});
		const opened = new Promise<void>((resolve) => {
			open = resolve;
		});
		this.#armed.set(name, { arrived, arrive, opened, open });
		return { arrived: () => within(`somebody at ${name}`, 10_000, arrived), open };
	}

	async pass(name: string): Promise<void> {
		const point = this.#armed.get(name);
		if (point === undefined) return;
		this.#armed.delete(name);
		point.arrive();
		await point.opened;
	}
}

/**
 * The store with points by session: `<id> before commit` and `<id> after commit` (of turns), `<id> create`,
 * `<id> bury`, `<id> after tombstone lookup`, `<id> part` (after the read).
 */
export class HeldStore implements Store {
	readonly #store: Store;
	readonly #points: Checkpoints;
	/** Thrown instead of the next commit that buries. */
	failNextBury: Error | null = null;

	constructor(store: Store, points: Checkpoints) {
		this.#store = store;
		this.#points = points;
	}

	sessions(): AsyncIterable<SessionMeta> {
		return this.#store.sessions();
	}
	session(id: SessionId): Promise<SessionMeta | undefined> {
		return this.#store.session(id);
	}
	headers(id: SessionId): Promise<TurnHeader[]> {
		return this.#store.headers(id);
	}
	async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		await this.#points.pass(`${id} before part ${part}`);
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
		await this.#points.pass(`${id} after tombstone lookup`);
		return found;
	}
	async commit(ops: readonly StoreOp[]): Promise<void> {
		const turn = ops.find((op) => op.op === "append_turn");
		const bury = ops.find((op) => op.op === "bury");
		const put = ops.find((op) => op.op === "put_session");
		if (bury?.op === "bury") {
			await this.#points.pass(`${bury.tombstone.id} bury`);
			const failure = this.failNextBury;
			this.failNextBury = null;
			if (failure !== null) throw failure;
		}
		const id = turn?.op === "append_turn" ? turn.session : null;
		if (id !== null) await this.#points.pass(`${id} before commit`);
		else if (put?.op === "put_session") await this.#points.pass(`${put.meta.id} put`);
		await this.#store.commit(ops);
		if (id !== null) await this.#points.pass(`${id} after commit`);
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

/** The tokenizer with a point `render <content of the last message>` in front of every render. */
export function heldTito(tito: Tito, points: Checkpoints): Tito {
	const name = (messages: ReadonlyArray<ReadonlyMap<string, unknown>>) =>
		`render ${String(messages.at(-1)?.get("content"))}`;
	return {
		family: tito.family,
		vocabSize: tito.vocabSize,
		useToolSchema: () => undefined,
		encodeByTemplate: async () => null,
		effectiveKwargs: (request) => tito.effectiveKwargs(request),
		joinBoundary: (last) => tito.joinBoundary(last),
		decode: (ids) => tito.decode(ids),
		decodeMany: (lists) => tito.decodeMany(lists),
		encodeConversation: (input) => tito.encodeConversation(input),
		partSeparator: (role, calling) => tito.partSeparator(role, calling),
		shows: (role, field) => tito.shows(role, field),
		segmentation: tito.segmentation,
		async encodePrompt(input) {
			await points.pass(name(input.messages));
			return tito.encodePrompt(input);
		},
		async encodeSuffix(input) {
			await points.pass(name(input.appended));
			return tito.encodeSuffix(input);
		},
	};
}
