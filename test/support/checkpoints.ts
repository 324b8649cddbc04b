// Named points inside a turn at which a test holds it: decorators of the real store and tokenizer. Changes no result.
import type { SessionId, TurnId } from "../../src/base/ids.js";
import type { PartName, Store, StoreOp, Tombstone } from "../../src/store/store.js";
import type { Tito } from "../../src/tito/tito.js";
import { PassingStore } from "./passing-store.js";
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
export class HeldStore extends PassingStore {
	readonly #points: Checkpoints;
	/** Thrown instead of the next commit that buries. */
	failNextBury: Error | null = null;

	constructor(store: Store, points: Checkpoints) {
		super(store);
		this.#points = points;
	}

	override async part(id: SessionId, turn: TurnId, part: PartName): Promise<Buffer> {
		await this.#points.pass(`${id} before part ${part}`);
		return super.part(id, turn, part);
	}
	override async tombstone(id: SessionId): Promise<Tombstone | undefined> {
		const found = await super.tombstone(id);
		await this.#points.pass(`${id} after tombstone lookup`);
		return found;
	}
	override async commit(ops: readonly StoreOp[]): Promise<void> {
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
		await super.commit(ops);
		if (id !== null) await this.#points.pass(`${id} after commit`);
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
