// One commit from its ops to what is stored: planned, written where it belongs, applied. Its caller keeps commits in order.
import type { SessionId } from "../../base/ids.js";
import type { Steps } from "../files/steps.js";
import { partsToCompare } from "../plan/bases.js";
import { type CommitPlan, planCommit } from "../plan/commit-plan.js";
import { MIN_SHARED_BYTES } from "../plan/commit-rules.js";
import { PrefixMatch } from "../plan/pieces.js";
import type { Obligation, StoreOp } from "../store.js";
import { storeDamaged, systemError, TurnGone } from "../store-errors.js";
import type { Ledger, LedgerRecord } from "./ledger.js";
import type { PartReader } from "./part-reader.js";
import { isHarmless, needsRewrite, rewrite } from "./rewrite.js";
import { Damage } from "./session-files.js";
import type { SessionTable } from "./session-table.js";
import { SessionWriter, type WriterParts } from "./session-writer.js";
import { type Entry, NOTHING_OWED, type StoredSession } from "./stored-session.js";
import { unfiledSession, unfiledText } from "./unfiled.js";

/** What a commit did to the tombstones of its partition's ids. */
export interface CommitEffect {
	/** The id has no session any more. */
	buried: LedgerRecord | null;
	/** The id has a session again. */
	revived: boolean;
	/** Much of what its files hold is needed by nobody. */
	rewrite: StoredSession | null;
}

/** A rewrite that failed is not worth another try before the files have grown by so much. */
const RETRY_GROWTH = 1.25;

const NO_EFFECT: CommitEffect = { buried: null, revived: false, rewrite: null };
const NOTHING_SHARED: ReadonlyMap<string, number> = new Map();

export class Commits {
	readonly #table: SessionTable;
	readonly #ledger: Ledger;
	readonly #reader: PartReader;
	readonly #writerParts: WriterParts;
	readonly writer: SessionWriter;
	/** Buried ones of which a file could not be removed. */
	readonly #unremoved = new Set<SessionId>();

	constructor(table: SessionTable, ledger: Ledger, reader: PartReader, writerParts: WriterParts) {
		this.#table = table;
		this.#ledger = ledger;
		this.#reader = reader;
		this.#writerParts = writerParts;
		this.writer = new SessionWriter(writerParts);
	}

	/** @param order greater with every call @throws RollpinError */
	*commit(id: SessionId, ops: readonly StoreOp[], order: () => number): Steps<CommitEffect> {
		const entry = yield* this.#table.entry(id);
		const burying = ops[0]?.op === "bury";
		if (entry?.isDamaged && !burying) throw storeDamaged(id);
		const session = entry?.isDamaged ? undefined : entry;
		// Also after the clock went back: what ends a session, or follows it, is later than that.
		const later = () => Math.max(order(), (session?.order ?? 0) + 1);
		// What is buried need not be known.
		const image = session === undefined || burying ? null : yield* this.#table.image(session);
		const shared =
			image === null || session === undefined ? NOTHING_SHARED : yield* this.#sharedPrefixes(session, ops);
		const owed = session?.owed ?? owedOf(this.#ledger.records.get(id));
		const plan = planCommit(id, ops, { image, owed }, (turn, part) => shared.get(`${turn} ${part}`) ?? 0);
		try {
			switch (plan.kind) {
				case "nothing":
					return NO_EFFECT;
				case "end":
					return yield* this.#end(id, entry, plan, later);
				case "renew":
					return yield* this.#renew(id, entry, plan, later);
				case "append":
					return session === undefined || image === null
						? NO_EFFECT
						: yield* this.#append(session, image, plan);
			}
		} catch (error) {
			throw systemError(error);
		}
	}

	/** Writes the session anew, if that is still worth it. What fails is left as it was. */
	*rewrite(session: StoredSession): Steps<void> {
		if (this.#table.known(session.id) !== session) return;
		try {
			const image = yield* this.#table.image(session);
			session.readers++;
			try {
				if (needsRewrite(session, image)) {
					this.#table.account(-(yield* rewrite(session, image, this.#writerParts)));
				}
			} finally {
				session.readers--;
			}
		} catch (error) {
			session.rewriteFromBytes = session.bytes * RETRY_GROWTH;
			if (error instanceof Damage) this.#table.damage(session, error.message);
			else if (!isHarmless(error)) throw error;
		}
	}

	/** Whether what was buried may be forgotten: nothing of it is left that would be found again. */
	isRemoved(id: SessionId): boolean {
		return !this.#unremoved.has(id);
	}

	*#append(
		session: StoredSession,
		image: Parameters<SessionWriter["append"]>[1],
		plan: Extract<CommitPlan, { kind: "append" | "renew" }>,
	): Steps<CommitEffect> {
		session.readers++;
		try {
			this.#table.account(yield* this.writer.append(session, image, plan));
		} finally {
			session.readers--;
		}
		this.#ledger.records.delete(session.id);
		const isDue = session.bytes >= session.rewriteFromBytes && needsRewrite(session, image);
		return isDue ? { ...NO_EFFECT, rewrite: session } : NO_EFFECT;
	}

	*#renew(
		id: SessionId,
		entry: Entry | undefined,
		plan: Extract<CommitPlan, { kind: "append" | "renew" }>,
		order: () => number,
	): Steps<CommitEffect> {
		const text = unfiledText(plan);
		const session =
			text === null ? yield* this.writer.make(id, order(), plan) : yield* this.#begin(id, order(), text);
		if (entry !== undefined) yield* this.#remove(id, entry);
		if (text === null) this.#ledger.records.delete(id);
		this.#table.put(session);
		return { ...NO_EFFECT, revived: true };
	}

	/** A session without a file: the system takes longer to make one than all else takes, and many at once need none for long. */
	*#begin(id: SessionId, order: number, text: string): Steps<StoredSession> {
		const record = { id, order, tombstone: null, owed: [], session: text };
		yield* this.#writerParts.space.grant(text.length);
		const appended = this.#ledger.append(record);
		if (appended !== undefined) yield appended;
		return unfiledSession(record);
	}

	*#end(
		id: SessionId,
		entry: Entry | undefined,
		{ tombstone, owed }: Extract<CommitPlan, { kind: "end" }>,
		order: () => number,
	): Steps<CommitEffect> {
		const before = this.#ledger.records.get(id);
		const record: LedgerRecord =
			tombstone === null
				? { id, order: before?.order ?? 0, tombstone: before?.tombstone ?? null, owed }
				: { id, order: order(), tombstone, owed };
		const appended = this.#ledger.append(record);
		if (appended !== undefined) yield appended;
		if (entry !== undefined) yield* this.#remove(id, entry);
		return { ...NO_EFFECT, buried: tombstone === null ? null : record };
	}

	/** Its files are of a session that is no more. */
	*#remove(id: SessionId, entry: Entry): Steps<void> {
		const files = this.#table.remove(entry);
		for (const { path, length } of files) {
			if (!(yield* this.writer.remove(path, length))) this.#unremoved.add(id);
		}
	}

	/**
	 * What appended parts have in common with their bases, by `<turn> <part>`. No other commit of the session comes
	 * between this and the plan that uses it.
	 */
	*#sharedPrefixes(session: StoredSession, ops: readonly StoreOp[]): Steps<ReadonlyMap<string, number>> {
		let found: Map<string, number> | null = null;
		for (const { base, part, pieces, turn } of partsToCompare(ops)) {
			const match = new PrefixMatch(pieces);
			try {
				yield* this.#reader.compare(session, base.turn, base.part, base.shared ?? 0, match);
			} catch (error) {
				if (!(error instanceof TurnGone)) throw error;
				continue;
			}
			if (match.shared < MIN_SHARED_BYTES) continue;
			found ??= new Map();
			found.set(`${turn} ${part}`, match.shared);
		}
		return found ?? NOTHING_SHARED;
	}
}

function owedOf(record: LedgerRecord | undefined): ReadonlyMap<string, Obligation> {
	if (record === undefined || record.owed.length === 0) return NOTHING_OWED;
	return new Map(record.owed.map((obligation) => [obligation.resource, obligation]));
}
