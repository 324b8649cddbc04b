// Every sandbox that is known here: its record in memory and on disk, and its end, which comes once. Makes and runs none.
import { RollpinError } from "../base/errors.js";
import type { Logger } from "../telemetry/logger.js";
import type { Metrics } from "../telemetry/metrics/metrics.js";
import type { SandboxBackend } from "./backend.js";
import type { BackgroundExec } from "./background.js";
import { type EndReason, endError, isSurprise, reasonOf, type SandboxRecord } from "./record.js";
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
	/** Settles when it is made, or could not be; of one that was there at the start, at once. */
	made: Promise<void>;
	readonly background: Map<string, BackgroundExec>;
	/** Commands that run now. */
	execs: number;
	/** Its removal at the backend, while it runs. */
	removing: Promise<void> | null;
}

/** Records of ended ones, for whoever still asks: the newest, and not older than this. */
const MAX_ENDED = 5_000;
const ENDED_KEPT_MS = 24 * 3600 * 1000;
export const REMOVE_TIMEOUT_MS = 60_000;

export class SandboxLedger {
	readonly #parts: SandboxParts;
	readonly #entries = new Map<string, Entry>();
	readonly #byKey = new Map<string, Entry>();
	readonly #timers = new Map<string, NodeJS.Timeout>();
	/** What the backend's clock is ahead of ours. */
	#aheadMs = 0;

	constructor(parts: SandboxParts) {
		this.#parts = parts;
	}

	/** Reads what an earlier process knew. One that was being made then never reached its client: it is ended. */
	async load(): Promise<void> {
		for (const record of await this.#parts.records.load()) {
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
		begin(this.#parts.records.put(record).then(() => make(entry)));
		made.catch(() => undefined);
		return entry;
	}

	async change(entry: Entry, change: Partial<SandboxRecord>): Promise<void> {
		entry.record = { ...entry.record, ...change };
		if (entry.record.state === "running") this.#watch(entry);
		await this.#parts.records.put(entry.record);
	}

	/** Takes a record away of one that never was. */
	async forget(entry: Entry): Promise<void> {
		this.#leave(entry);
		await this.#parts.records.delete(entry.record.id);
	}

	/**
	 * Its end, stored and told to its session; what it was at the backend is not removed by this. Only the first one counts.
	 * @returns false: it had ended before
	 */
	async end(entry: Entry, reason: EndReason): Promise<boolean> {
		if (entry.record.state === "ended") return false;
		const { log, metrics } = this.#parts;
		const atMs = this.nowMs();
		const untold = entry.record.sessionId !== null && isSurprise(reason);
		const made = entry.record.state === "running";
		entry.record = { ...entry.record, state: "ended", end: { reason, atMs }, untold };
		clearTimeout(this.#timers.get(entry.record.id));
		this.#timers.delete(entry.record.id);
		entry.over.abort(endError(entry.record, true));
		// The same create may be tried again: nothing came of this one.
		if (reason === "failed") this.#freeKey(entry);
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
		await this.#parts.records.put(entry.record);
		if (untold) await this.tell(entry);
		return true;
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
		try {
			await this.#parts.tell(entry.record);
			await this.change(entry, { untold: false });
		} catch {
			// The next pass.
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

	async #remove(entry: Entry): Promise<void> {
		// What is being made must not come to be after its removal.
		await entry.made.catch(() => undefined);
		await this.#parts.backend.remove(entry.record.id, AbortSignal.timeout(REMOVE_TIMEOUT_MS));
		await this.change(entry, { gone: true });
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
		const entry: Entry = {
			record,
			over: new AbortController(),
			made,
			background: new Map(),
			execs: 0,
			removing: null,
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
		const expire = async (): Promise<void> => {
			if (this.nowMs() < entry.record.deadlineMs) return this.#watch(entry);
			await this.end(entry, "expired");
			await this.remove(entry);
		};
		const timer = setTimeout(
			() => {
				// The reaper tries it again.
				expire().catch(() => undefined);
			},
			Math.max(0, deadlineMs - this.nowMs()),
		);
		this.#timers.set(id, timer.unref());
	}
}
