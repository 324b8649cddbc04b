// Random commits for a store, from a seed, and what must be stored behind each of them. Knows no medium.
import type { SessionId } from "../../src/base/ids.js";
import type { PartBase, PartName, StoreOp } from "../../src/store/store.js";
import { bury, header, meta, sid, tid } from "../store/values.js";

export interface ModelPart {
	bytes: Buffer;
	dropped: boolean;
}

export interface ModelTurn {
	/** Differs for every turn, also for one made anew under an old id. */
	timestamp: number;
	parts: Map<PartName, ModelPart>;
	/** Named as a base: dropping it may be refused. */
	lends: boolean;
}

/** Null: not there. */
export type ModelSession = Map<number, ModelTurn> | null;

export interface ModelCommit {
	id: SessionId;
	ops: StoreOp[];
	/** What is stored when it is taken; a refused one changes nothing. */
	behind: ModelSession;
	/** Refusing it is right: it drops a turn that others may begin with. */
	mayRefuse: boolean;
	/** Taking it would be wrong: it names what is not there. */
	mustRefuse: boolean;
}

const KIB = 1024;
/** Around what decides where a part goes. */
const SIZES = [0, 1, 100, 4095, 4096, 4097, 8191, 8192, 8193, 12_000, 16_383, 16_384, 16_385, 30_000, 70_000];
const LARGE = [1024 * KIB, 1024 * KIB + 1];
const NAMES: readonly PartName[] = ["messages", "prompt", "completion", "logprobs", "request", "reply"];

export class StoreModel {
	readonly #pool: Buffer;
	#state: number;
	#clock = 1;
	#nextTurn = 0;

	constructor(seed: number) {
		this.#state = seed | 1;
		this.#pool = Buffer.alloc(3 * 1024 * KIB);
		for (let at = 0; at < this.#pool.length; at += 4) this.#pool.writeUInt32LE(this.#next(), at);
	}

	/** An integer from 0 up to `end`. */
	below(end: number): number {
		return this.#next() % end;
	}

	pick<T>(values: readonly T[]): T {
		return values[this.below(values.length)] as T;
	}

	/** A commit upon what `before` says. */
	commit(id: SessionId, before: ModelSession): ModelCommit {
		const commit: ModelCommit = { id, ops: [], behind: copyOf(before), mayRefuse: false, mustRefuse: false };
		const count = 1 + this.below(this.below(3) === 0 ? 5 : 2);
		for (let made = 0; made < count; made++) this.#add(commit);
		return commit;
	}

	#add(commit: ModelCommit): void {
		const { id, ops } = commit;
		const turns = commit.behind;
		const dice = this.below(100);
		if (turns === null || dice < 4) {
			ops.push({ op: "put_session", meta: meta(id) });
			commit.behind ??= new Map();
		} else if (dice < 7) {
			ops.push(bury(id));
			commit.behind = null;
		} else if (dice < 9) {
			// Ids that never were.
			ops.push({ op: this.pick(["drop_turn", "drop_part"]), session: id, turn: tid(999_999), part: "reply" });
			commit.mustRefuse = true;
		} else if (turns.size === 0 || dice < 62) {
			this.#append(commit, turns);
		} else if (dice < 70) {
			const turn = this.pick([...turns.keys()]);
			const { timestamp } = turns.get(turn) as ModelTurn;
			ops.push({ op: "put_header", session: id, header: header(turn, { timestamp, status: "superseded" }) });
		} else if (dice < 82) {
			const turn = this.pick([...turns.keys()]);
			const model = turns.get(turn) as ModelTurn;
			const part = this.pick([...NAMES, "payload:0", "payload:1"] as const);
			ops.push({ op: "drop_part", session: id, turn: tid(turn), part });
			const found = model.parts.get(part);
			if (found !== undefined) model.parts.set(part, { ...found, dropped: true });
		} else {
			const turn = this.pick([...turns.keys()]);
			if (turns.get(turn)?.lends === true) commit.mayRefuse = true;
			ops.push({ op: "drop_turn", session: id, turn: tid(turn) });
			turns.delete(turn);
			// Rarely made anew under its id at once.
			if (this.below(6) === 0) this.#append(commit, turns, turn);
		}
	}

	#append(commit: ModelCommit, turns: Map<number, ModelTurn>, turn = this.#nextTurn++ % 64): void {
		if (turns.has(turn)) return;
		const given = new Map<PartName, readonly Uint8Array[]>();
		const bases = new Map<PartName, PartBase>();
		const parts = new Map<PartName, ModelPart>();
		const names: PartName[] = NAMES.filter(() => this.below(2) === 0);
		if (this.below(2) === 0) names.push("payload:0");
		if (this.below(4) === 0) names.push("payload:1");
		for (const name of names) {
			const lender = this.below(3) > 0 && name.startsWith("payload:") ? this.#lender(turns) : undefined;
			const tail = this.#bytes();
			const shared = lender === undefined ? 0 : this.below(lender.part.bytes.length + 1);
			const whole =
				lender === undefined ? tail : Buffer.concat([lender.part.bytes.subarray(0, shared), tail]);
			const known = lender === undefined ? 0 : this.pick([0, 0, shared, this.below(shared + 1)]);
			if (lender !== undefined) {
				bases.set(name, {
					turn: tid(lender.turn),
					part: lender.name,
					...(known > 0 ? { shared: known } : {}),
				});
				lender.model.lends = true;
			}
			given.set(name, this.#pieces(whole.subarray(known)));
			if (whole.length > 0) parts.set(name, { bytes: whole, dropped: false });
		}
		const timestamp = this.#clock++;
		commit.ops.push({
			op: "append_turn",
			session: commit.id,
			header: header(turn, { timestamp }),
			parts: given,
			...(bases.size > 0 ? { bases } : {}),
		});
		turns.set(turn, { timestamp, parts, lends: false });
	}

	#lender(
		turns: Map<number, ModelTurn>,
	): { turn: number; name: PartName; part: ModelPart; model: ModelTurn } | undefined {
		const found = [...turns].flatMap(([turn, model]) =>
			[...model.parts]
				.filter(([, part]) => !part.dropped && part.bytes.length > 1000 && part.bytes.length < 200_000)
				.map(([name, part]) => ({ turn, name, part, model })),
		);
		return found.length === 0 ? undefined : this.pick(found);
	}

	#bytes(): Buffer {
		const length = this.below(60) === 0 ? this.pick(LARGE) : this.pick(SIZES);
		const from = this.below(this.#pool.length - length);
		return Buffer.from(this.#pool.subarray(from, from + length));
	}

	#pieces(bytes: Buffer): Uint8Array[] {
		const cut = this.below(bytes.length + 1);
		return this.below(2) === 0 ? [bytes] : [bytes.subarray(0, cut), bytes.subarray(cut)];
	}

	/** xorshift32 */
	#next(): number {
		this.#state ^= this.#state << 13;
		this.#state ^= this.#state >>> 17;
		this.#state ^= this.#state << 5;
		return this.#state >>> 0;
	}
}

function copyOf(session: ModelSession): ModelSession {
	if (session === null) return null;
	return new Map([...session].map(([turn, model]) => [turn, { ...model, parts: new Map(model.parts) }]));
}

/** Ids of one partition, the first one. */
export const modelIds = (count: number): SessionId[] =>
	Array.from({ length: count }, (_, index) => sid(`00${String(index).padStart(30, "0")}`));
