// Every sandbox that is known here: its record in memory and on disk, and its end, which comes once. Makes and runs none.
import { setMaxListeners } from "node:events";
import { RollpinError } from "../base/errors.js";
import type { Logger } from "../telemetry/logger.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";
import type { SandboxBackend } from "./backend.js";
import type { BackgroundExec } from "./background.js";
import type { ReapFailures } from "./reap-failures.js";
import { type EndReason, endError, isSurprise, lostRecord, reasonOf, type SandboxRecord } from "./record.js";
import type { RecordStore } from "./record-store.js";
import type { SandboxSettings } from "./request.js";

export interface SandboxParts {
	backend: SandboxBackend;
	records: RecordStore;
	settings: SandboxSettings;
	log: Logger;
	metrics: Metrics<"sandbox">;
	/** Tells a bound session of an end that no client asked for. Rejects when it could not; it is tried again then. */
	tell: (record: SandboxRecord) => Promise<void>;
}

export interface Entry {
	record: SandboxRecord;
	/** Fires at its end: whatever runs in it is over. */
	readonly over: AbortController;
	/** Settles when its end is stored and its session was told, or could not be. Set before `over` fires. */
	ended: Promise<void>;
	/** Settles when it is made, or could not be; of one that was there at the start, at once. */
	made: Promise<void>;
	readonly background: Map<string, BackgroundExec>;
	/** Commands that run now. */
	execs: number;
	/** Its removal at the backend, while it runs. */
	removing: Promise<void> | null;
	/** Settles when its end has been moved as often as was asked. */
	extending: Promise<unknown>;
	/** Its session is being told of its end. */
	telling: Promise<void> | null;
	/** What failed last, and is tried again by each pass of the reaper: its record's writing, the telling. */
	isUnwritten: boolean;
	isUnheard: boolean;
}

/** Records of ended ones, for whoever still asks: the newest, and not older than this. */
const MAX_ENDED = 5_000;
const ENDED_KEPT_MS = 24 * 3600 * 1000;
export const REMOVE_TIMEOUT_MS = 60_000;
const SHORT_CALL_MS = 15_000;
/** Node's timers take no more: a longer one fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class SandboxLedger {
	readonly #parts: SandboxParts;
	readonly #failures: ReapFailures;
	readonly #entries = new Map<string, Entry>();
	readonly #byKey = new Map<string, Entry>();
	readonly #timers = new Map<string, NodeJS.Timeout>();
	/** What the backend's clock is ahead of ours. */
	#aheadMs = 0;

	constructor(parts: SandboxParts, failures: ReapFailures) {
		this.#parts = parts;
		this.#failures = failures;
	}

	/**
	 * Reads what an earlier process knew. One that was being made then never reached its client: it is ended. One whose record is
	 * damaged is lost: nobody could end it in time, or be told its end.
	 */
	async load(): Promise<void> {
		const { records, damaged, foreign } = await this.#parts.records.load();
		if (foreign > 0) this.#parts.log.event("sandbox_records_foreign", { records: foreign });
		for (const { id, sessionId, path, error } of damaged) {
			const text = `the record ${path} is damaged, so its sandbox counts as lost and is removed; look at the medium of the data dir`;
			this.#parts.log.event("sandbox_record_failed", { sandbox_id: id, err: error }, text);
			const entry = this.#enter(lostRecord(id, sessionId, this.nowMs()), Promise.resolve());
			entry.over.abort(endError(entry.record));
			await this.#write(entry);
		}
		for (const record of records) {
			const entry = this.#enter(record, Promise.resolve());
			if (record.state === "creating") await this.end(entry, "failed");
			else if (record.state === "running") this.#watch(entry);
			else entry.over.abort(endError(record));
		}
	}

	/** By the backend's clock. */
	nowMs(): number {
		return Date.now() + this.#aheadMs;
	}

	setClock(backendNowMs: number): void {
		this.#aheadMs = backendNowMs - Date.now();
	}

	get(id: string): Entry | undefined {
		return this.#entries.get(id);
	}

	byKey(key: string): Entry | undefined {
		return this.#byKey.get(key);
	}

	*values(): IterableIterator<Entry> {
		yield* this.#entries.values();
	}

	/** Those that are there or being made. */
	live(): Entry[] {
		return [...this.#entries.values()].filter(({ record }) => record.state !== "ended");
	}

	/** @throws RollpinError for one that is not known, or has ended */
	find(id: string): Entry {
		const entry = this.#entries.get(id);
		if (entry === undefined) throw new RollpinError("sandbox_not_found", `sandbox not found: ${id}`);
		if (entry.record.state === "ended") throw endError(entry.record);
		return entry;
	}

	/** The intent: on disk when this resolves, known here at once. @param make begins once the intent is stored */
	add(record: SandboxRecord, make: (entry: Entry) => Promise<void>): Entry {
		let begin: (made: Promise<void>) => void = () => undefined;
		const made = new Promise<void>((resolve) => {
			begin = resolve;
		});
		const entry = this.#enter(record, made);
		const intend = async (): Promise<void> => {
			try {
				await this.#parts.records.put(record);
			} catch (error) {
				this.#leave(entry);
				// What is there of it all the same is, to whoever reads it, a create that failed.
				await this.#parts.records.delete(record.id).catch(() => undefined);
				throw error;
			}
			await make(entry);
		};
		begin(intend());
		made.catch(() => undefined);
		return entry;
	}

	/** @throws RollpinError `store_unavailable`: it is so, but a process that comes after this one may not know */
	async change(entry: Entry, change: Partial<SandboxRecord>): Promise<void> {
		entry.record = { ...entry.record, ...change };
		if (entry.record.state === "running") this.#watch(entry);
		try {
			await this.#parts.records.put(entry.record);
		} catch (error) {
			entry.isUnwritten = true;
			throw error;
		}
	}

	/** Never throws: what has happened has happened, and is written by a later pass of the reaper. */
	async #write(entry: Entry): Promise<void> {
		try {
			await this.#parts.records.put(entry.record);
			entry.isUnwritten = false;
		} catch (error) {
			if (entry.isUnwritten) return;
			entry.isUnwritten = true;
			this.#parts.log.event("sandbox_record_failed", { sandbox_id: entry.record.id, err: error });
		}
	}

	/** Takes a record away of one that never was. */
	async forget(entry: Entry): Promise<void> {
		this.#leave(entry);
		await this.#parts.records.delete(entry.record.id);
	}

	/**
	 * Its end, stored and told to its session; what it was at the backend is not removed by this. Only the first one counts.
	 * Never throws; `over` has fired and the state is `ended` before anything is waited for.
	 * @returns false: it had ended before
	 */
	async end(entry: Entry, reason: EndReason): Promise<boolean> {
		if (entry.record.state === "ended") return false;
		const { log, metrics } = this.#parts;
		const atMs = this.nowMs();
		const untold = entry.record.sessionId !== null && isSurprise(reason);
		const made = entry.record.state === "running";
		// The same create may be tried again: nothing came of this one. A later process must not find the key with it either.
		if (reason === "failed") this.#freeKey(entry);
		const key = reason === "failed" ? null : entry.record.key;
		entry.record = { ...entry.record, state: "ended", key, end: { reason, atMs }, untold };
		clearTimeout(this.#timers.get(entry.record.id));
		this.#timers.delete(entry.record.id);
		if (made) {
			metrics.sandboxes_ended_total.at(reason).value++;
			const { id, sessionId, createdMs } = entry.record;
			log.event("sandbox_ended", {
				sandbox_id: id,
				session_id: sessionId,
				reason,
				age_s: Math.round((atMs - createdMs) / 100) / 10,
			});
		}
		const stored = this.#write(entry).then(() => this.tell(entry));
		entry.ended = stored.catch(() => undefined);
		entry.over.abort(endError(entry.record, true));
		await stored;
		return true;
	}

	/** Its end and its removal; the session that hears of the one does not keep the other. Never throws: the reaper tries it again. */
	async finish(entry: Entry, reason: EndReason): Promise<void> {
		await Promise.all([this.end(entry, reason), this.removeOrLog(entry)]);
	}

	/** As `settle`, for a call that found it gone: what is left of it is removed at once. */
	async settleNow(entry: Entry): Promise<RollpinError | null> {
		const end = await this.settle(entry, AbortSignal.timeout(SHORT_CALL_MS));
		if (end !== null) void this.removeOrLog(entry);
		return end;
	}

	/** Asks the backend whether it has ended, and takes that over. @returns its end's error, or null while it lives */
	async settle(entry: Entry, signal: AbortSignal): Promise<RollpinError | null> {
		if (entry.record.state !== "ended") {
			const end = await this.#parts.backend.ended(entry.record.id, signal);
			if (end === null) return null;
			await this.end(entry, reasonOf({ ...end, atMs: this.nowMs() }, entry.record.killAtMs));
		}
		return endError(entry.record, true);
	}

	/** Never throws: a session that cannot be told now is told by a later pass of the reaper. */
	async tell(entry: Entry): Promise<void> {
		if (!entry.record.untold) return;
		entry.telling ??= this.#tell(entry).finally(() => {
			entry.telling = null;
		});
		await entry.telling;
	}

	async #tell(entry: Entry): Promise<void> {
		const { id, sessionId } = entry.record;
		try {
			await this.#parts.tell(entry.record);
		} catch (error) {
			if (!entry.isUnheard)
				this.#parts.log.event("sandbox_end_unheard", { sandbox_id: id, session_id: sessionId, err: error });
			entry.isUnheard = true;
			return;
		}
		entry.record = { ...entry.record, untold: false };
		await this.#write(entry);
	}

	/** What could not be written or told before. Never throws. */
	async catchUp(): Promise<void> {
		for (const entry of this.#entries.values()) {
			if (entry.isUnwritten) await this.#write(entry);
			void this.tell(entry);
		}
	}

	/** Nothing of an ended one is left at the backend when this resolves. @throws what the backend throws */
	remove(entry: Entry): Promise<void> {
		if (entry.record.gone) return Promise.resolve();
		entry.removing ??= this.#remove(entry).finally(() => {
			entry.removing = null;
		});
		return entry.removing;
	}

	/** Never throws: the reaper tries it again. */
	async removeOrLog(entry: Entry): Promise<void> {
		try {
			await this.remove(entry);
		} catch (error) {
			this.#failures.add(entry.record.id, error);
		}
	}

	async #remove(entry: Entry): Promise<void> {
		// What is being made must not come to be after its removal.
		await entry.made.catch(() => undefined);
		await this.#parts.backend.remove(entry.record.id, AbortSignal.timeout(REMOVE_TIMEOUT_MS));
		entry.record = { ...entry.record, gone: true };
		await this.#write(entry);
	}

	/** Forgets ended ones that are too many, or too old. */
	async prune(): Promise<void> {
		const oldest = this.nowMs() - ENDED_KEPT_MS;
		const ended = [...this.#entries.values()]
			.filter(({ record }) => record.gone && !record.untold)
			.sort((a, b) => (b.record.end?.atMs ?? 0) - (a.record.end?.atMs ?? 0));
		for (const [index, entry] of ended.entries()) {
			if (index >= MAX_ENDED || (entry.record.end?.atMs ?? 0) < oldest) await this.forget(entry);
		}
	}

	close(): void {
		for (const timer of this.#timers.values()) clearTimeout(timer);
	}

	#enter(record: SandboxRecord, made: Promise<void>): Entry {
		const over = new AbortController();
		// Each command that runs in it listens.
		setMaxListeners(0, over.signal);
		const entry: Entry = {
			record,
			over,
			ended: Promise.resolve(),
			made,
			background: new Map(),
			execs: 0,
			removing: null,
			extending: Promise.resolve(),
			telling: null,
			isUnwritten: false,
			isUnheard: false,
		};
		this.#entries.set(record.id, entry);
		if (record.key !== null && record.end?.reason !== "failed") this.#byKey.set(record.key, entry);
		return entry;
	}

	#leave(entry: Entry): void {
		const { record } = entry;
		this.#entries.delete(record.id);
		this.#freeKey(entry);
		clearTimeout(this.#timers.get(record.id));
		this.#timers.delete(record.id);
	}

	#freeKey(entry: Entry): void {
		const { key } = entry.record;
		if (key !== null && this.#byKey.get(key) === entry) this.#byKey.delete(key);
	}

	/** At its announced end it has ended, whatever the backend says then. */
	#watch(entry: Entry): void {
		const { id, deadlineMs } = entry.record;
		clearTimeout(this.#timers.get(id));
		const expire = (): void => {
			if (this.nowMs() < entry.record.deadlineMs) this.#watch(entry);
			else void this.finish(entry, "expired");
		};
		const ms = Math.max(0, deadlineMs - this.nowMs());
		const timer = setTimeout(expire, Math.min(ms, LONGEST_TIMER_MS));
		this.#timers.set(id, timer.unref());
	}
}
