// The sandboxes of this cluster: made, found, extended, ended. The one way in for every route. Knows no backend by name and no HTTP.
import { orAborted } from "../base/cancellation.js";
import { RollpinError } from "../base/errors.js";
import { type CreatePhase, KILL_MARGIN_MS } from "./backend.js";
import { SandboxCommands } from "./commands.js";
import { CreateGate } from "./create-gate.js";
import { newSandboxId } from "./ids.js";
import { lateError } from "./late.js";
import { type Entry, LONGEST_TIMER_MS, SandboxLedger, type SandboxParts } from "./ledger.js";
import { ReapFailures } from "./reap-failures.js";
import { SandboxReaper } from "./reaper.js";
import { endError, type SandboxRecord } from "./record.js";
import { type CheckedRequest, checkRequest, type SandboxRequest } from "./request.js";
import { contentOf, tarOf } from "./tar-entry.js";

export interface CreateOptions {
	/** The client's Idempotency-Key; with it, `fingerprint` says whether it asks for the same. */
	key: string | null;
	fingerprint: string;
	/** Chosen by the caller, who has stored it; else a new one. */
	id?: string;
}

export interface SandboxFilter {
	labels: ReadonlyArray<readonly [name: string, value: string]>;
	sessionId: string | null;
	/** Null: those that have not ended. */
	state: SandboxRecord["state"] | null;
}

const REMOVES_AT_ONCE = 8;
const SHORT_CALL_MS = 15_000;
const FILES_TIMEOUT_MS = 300_000;

export class Sandboxes {
	readonly commands: SandboxCommands;
	readonly reaper: SandboxReaper;
	readonly #parts: SandboxParts;
	readonly #ledger: SandboxLedger;
	readonly #failures: ReapFailures;
	readonly #gate: CreateGate;

	constructor(parts: SandboxParts) {
		this.#parts = parts;
		this.#failures = new ReapFailures(parts);
		this.#ledger = new SandboxLedger(parts, this.#failures);
		this.#gate = new CreateGate(parts.settings.createConcurrency);
		this.commands = new SandboxCommands(parts, this.#ledger, this.#failures);
		this.reaper = new SandboxReaper(parts, this.#ledger, this.#failures);
	}

	/** Takes over what an earlier process left. @throws when its records cannot be read */
	async start(): Promise<void> {
		await this.#ledger.load();
		this.reaper.start();
	}

	/** The sandboxes live on. */
	async close(): Promise<void> {
		this.reaper.stop();
		this.#ledger.close();
		await this.#parts.backend.close();
	}

	/** How many there are by state. */
	counts(): { creating: number; running: number } {
		const live = this.#ledger.live();
		const running = live.filter(({ record }) => record.state === "running").length;
		return { creating: live.length - running, running };
	}

	/**
	 * Resolves when commands can run in it.
	 * @throws RollpinError; nothing is left then. `idempotency_mismatch` when the key was used for something else
	 */
	async create(request: SandboxRequest, options: CreateOptions): Promise<SandboxRecord> {
		const { settings, backend } = this.#parts;
		const checked = checkRequest(request, settings, backend.lacks);
		const earlier = this.earlier(options);
		if (earlier !== undefined) return await earlier;
		const live = this.#ledger.live().length;
		if (live >= settings.maxSandboxes) {
			throw new RollpinError(
				"too_many_sandboxes",
				`there are ${live} sandboxes, the most that --max-sandboxes allows; end some, or raise it`,
				{ retryAfterS: 5 },
			);
		}
		const nowMs = this.#ledger.nowMs();
		const record: SandboxRecord = {
			id: options.id ?? newSandboxId(),
			sessionId: request.sessionId,
			key: options.key,
			fingerprint: options.fingerprint,
			state: "creating",
			image: checked.image,
			labels: checked.labels,
			createdMs: nowMs,
			...times(nowMs, checked.ttlS, checked.maxTtlS),
			end: null,
			gone: false,
			untold: false,
		};
		const entry = this.#ledger.add(record, (added) => this.#make(added, checked));
		await entry.made;
		return entry.record;
	}

	/** What this key has made, or is making; undefined: nothing. @throws RollpinError `idempotency_mismatch` */
	earlier(options: CreateOptions): Promise<SandboxRecord> | undefined {
		const entry = this.#earlier(options);
		return entry?.made.then(() => this.get(entry.record.id));
	}

	/** @throws RollpinError as `create` would for what is asked */
	check(request: SandboxRequest): void {
		checkRequest(request, this.#parts.settings, this.#parts.backend.lacks);
	}

	/** @throws RollpinError for one that is not known, or has ended */
	get(id: string): SandboxRecord {
		return this.#ledger.find(id).record;
	}

	/** Newest first. */
	list(filter: SandboxFilter): SandboxRecord[] {
		return [...this.#ledger.values()]
			.map(({ record }) => record)
			.filter((record) => isMeant(record, filter))
			.sort((a, b) => b.createdMs - a.createdMs || (a.id < b.id ? 1 : -1));
	}

	/** The live one of a session, else the latest. @throws RollpinError `sandbox_not_found`, or by its end */
	ofSession(sessionId: string): SandboxRecord {
		const all = [...this.#ledger.values()].map(({ record }) => record);
		const own = all.filter((record) => record.sessionId === sessionId);
		const live = own.find(({ state }) => state !== "ended");
		if (live !== undefined) return live;
		const latest = own.sort((a, b) => b.createdMs - a.createdMs)[0];
		if (latest !== undefined) throw endError(latest);
		throw new RollpinError("sandbox_not_found", `session ${sessionId} has no sandbox`);
	}

	/**
	 * From now; may also be earlier than before.
	 * @throws RollpinError `invalid_request` beyond its ceiling, `sandbox_state_conflict` where the backend can only shorten
	 */
	async extend(id: string, ttlS: number): Promise<SandboxRecord> {
		const entry = this.#ledger.find(id);
		await entry.made;
		// One after the other: what the backend heard last is what the record says.
		const extending = entry.extending.then(() => this.#extend(entry, ttlS));
		entry.extending = extending.catch(() => undefined);
		return await extending;
	}

	async #extend(entry: Entry, ttlS: number): Promise<SandboxRecord> {
		const { id } = this.#ledger.find(entry.record.id).record;
		const nowMs = this.#ledger.nowMs();
		const { deadlineMs, killAtMs } = times(nowMs, ttlS, ttlS);
		const { record } = entry;
		if (deadlineMs > record.ceilingMs) {
			const most = Math.floor((record.ceilingMs - nowMs) / 1000);
			throw new RollpinError(
				"invalid_request",
				`ttl_seconds ${ttlS} is beyond max_expires_at: at most ${most} now; ask for max_ttl_seconds when you make a sandbox`,
				{ param: "ttl_seconds" },
			);
		}
		const { backend } = this.#parts;
		if (deadlineMs > record.deadlineMs && !backend.canExtend) {
			throw new RollpinError("sandbox_state_conflict", `the ${backend.name} backend can only shorten a life`);
		}
		await this.#calling(entry, (signal) => backend.setDeadline(id, killAtMs + KILL_MARGIN_MS, signal));
		if (entry.record.state === "ended") throw endError(entry.record);
		await this.#ledger.change(entry, { deadlineMs, killAtMs });
		return entry.record;
	}

	/** Files below the workspace, made or replaced. */
	async putFiles(id: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
		const entry = this.#ledger.find(id);
		await entry.made;
		await this.#calling(entry, (signal) => this.#parts.backend.putTar(id, tar, signal), FILES_TIMEOUT_MS);
	}

	async putFile(id: string, path: string, content: Uint8Array): Promise<void> {
		await this.putFiles(id, tarOf([{ path, content }]));
	}

	/** A tar of a file or a tree. @throws RollpinError `sandbox_path_not_found` before the first byte */
	async *getFiles(id: string, path: string): AsyncIterable<Uint8Array> {
		const entry = this.#ledger.find(id);
		await entry.made;
		const signal = AbortSignal.any([entry.over.signal, AbortSignal.timeout(FILES_TIMEOUT_MS)]);
		yield* this.#parts.backend.getTar(id, path, signal);
	}

	async getFile(id: string, path: string, limitBytes: number): Promise<Buffer> {
		return await contentOf(this.getFiles(id, path), path, limitBytes);
	}

	/**
	 * Nothing of it is left when this resolves.
	 * @throws RollpinError for one that is not known, or has ended and is gone; what the backend throws: try again then
	 */
	async remove(id: string, reason: "deleted" | "session_ended"): Promise<void> {
		const entry = this.#ledger.get(id);
		if (entry === undefined || entry.record.gone) this.#ledger.find(id);
		if (entry === undefined) return;
		await this.#ledger.end(entry, reason);
		await this.#ledger.remove(entry);
	}

	/** @returns how many were ended. @throws RollpinError when some could not be: they are tried again by themselves */
	async removeWhere(filter: SandboxFilter): Promise<number> {
		const meant = this.list({ ...filter, state: null });
		let removed = 0;
		let failure: unknown = null;
		const queue = meant.map(({ id }) => id);
		const worker = async (): Promise<void> => {
			for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
				try {
					await this.remove(id, "deleted");
					removed++;
				} catch (error) {
					failure = error;
				}
			}
		};
		await Promise.all(Array.from({ length: REMOVES_AT_ONCE }, worker));
		if (failure !== null) throw failure;
		return removed;
	}

	/** A session has ended, or never knew of it. Resolves when nothing is left, also when nothing ever was. */
	async removeBound(id: string): Promise<void> {
		const entry = this.#ledger.get(id);
		if (entry === undefined) {
			const { backend, records } = this.#parts;
			const signal = AbortSignal.timeout(SHORT_CALL_MS);
			// The sessions of a copied data dir name the sandboxes of the original's.
			for await (const found of backend.list(signal))
				if (found.id === id && records.isForeign(found.instance)) return;
			await backend.remove(id, signal);
			return;
		}
		await this.#ledger.end(entry, "session_ended");
		await this.#ledger.remove(entry);
	}

	#earlier({ key, fingerprint, id }: CreateOptions): Entry | undefined {
		const entry =
			(id === undefined ? undefined : this.#ledger.get(id)) ??
			(key === null ? undefined : this.#ledger.byKey(key));
		if (entry === undefined || entry.record.fingerprint === fingerprint) return entry;
		throw new RollpinError(
			"idempotency_mismatch",
			"this Idempotency-Key made another sandbox: use a new key for another request",
		);
	}

	/** From its stored intent until commands can run. */
	async #make(entry: Entry, request: CheckedRequest): Promise<void> {
		const { backend, log, metrics, records, settings } = this.#parts;
		const { id, sessionId } = entry.record;
		const phases = new PhaseClock();
		try {
			await this.#gate.enter(entry.over.signal);
			try {
				// Its life begins when its turn has come, not in the queue.
				const nowMs = this.#ledger.nowMs();
				const life = times(nowMs, request.ttlS, request.maxTtlS);
				entry.record = { ...entry.record, createdMs: nowMs, ...life };
				const limitMs = Math.min(life.killAtMs - nowMs, LONGEST_TIMER_MS);
				const signal = AbortSignal.any([entry.over.signal, AbortSignal.timeout(limitMs)]);
				const { image, env, workdir, user, resources, network, runtime, labels } = request;
				await backend.create(
					{
						id,
						instance: records.instance,
						sessionId,
						image,
						pullPolicy: settings.pullPolicy,
						deadlineMs: life.killAtMs + KILL_MARGIN_MS,
						ceilingMs: life.ceilingMs,
						env,
						workdir,
						user,
						resources,
						network,
						runtime,
						labels,
					},
					(phase) => phases.begin(phase),
					signal,
				);
				phases.begin(null);
				if (request.files.length > 0) await backend.putTar(id, tarOf(request.files), signal);
			} finally {
				this.#gate.leave();
			}
			if (entry.record.state === "ended") throw endError(entry.record, true);
			await this.#ledger.change(entry, { state: "running" });
		} catch (error) {
			const shown = entry.record.state === "ended" ? endError(entry.record, true) : lateError(error);
			await this.#undo(entry);
			metrics.sandbox_create_failures_total.value++;
			throw shown;
		}
		metrics.sandboxes_created_total.value++;
		for (const [phase, ms] of phases.ms) metrics.sandbox_create_seconds.at(phase).observe(ms / 1000);
		log.event("sandbox_created", {
			sandbox_id: id,
			session_id: sessionId,
			image: entry.record.image,
			expires_at: entry.record.deadlineMs / 1000,
			phases_ms: Object.fromEntries(phases.ms),
		});
	}

	/** Nothing of a create that failed is left; where that cannot be done now, the reaper has its record. */
	async #undo(entry: Entry): Promise<void> {
		if (!(await this.#ledger.end(entry, "failed"))) return;
		try {
			await this.#parts.backend.remove(entry.record.id, AbortSignal.timeout(SHORT_CALL_MS));
			await this.#ledger.forget(entry);
		} catch (error) {
			// The reaper has it.
			this.#failures.add(entry.record.id, error);
		}
	}

	/** A call about a sandbox that may have ended meanwhile. */
	async #calling<T>(
		entry: Entry,
		call: (signal: AbortSignal) => Promise<T>,
		timeoutMs = SHORT_CALL_MS,
	): Promise<T> {
		const signal = AbortSignal.any([entry.over.signal, AbortSignal.timeout(timeoutMs)]);
		try {
			// Whatever it hangs on: a backend's call, or a body that comes no further.
			return await orAborted(call(signal), signal);
		} catch (error) {
			if (entry.record.state === "ended") throw endError(entry.record, true);
			if (!(error instanceof RollpinError && error.code === "sandbox_lost")) throw lateError(error);
			throw (await this.#ledger.settleNow(entry)) ?? error;
		}
	}
}

/** A short life has a shorter margin: it would be over before it begins. */
function times(
	nowMs: number,
	ttlS: number,
	maxTtlS: number,
): Pick<SandboxRecord, "deadlineMs" | "killAtMs" | "ceilingMs"> {
	const deadlineMs = nowMs + ttlS * 1000;
	const killAtMs = deadlineMs - Math.min(KILL_MARGIN_MS, ttlS * 500);
	return { deadlineMs, killAtMs, ceilingMs: nowMs + maxTtlS * 1000 };
}

function isMeant(record: SandboxRecord, { labels, sessionId, state }: SandboxFilter): boolean {
	if (state === null ? record.state === "ended" : record.state !== state) return false;
	if (sessionId !== null && record.sessionId !== sessionId) return false;
	return labels.every(([name, value]) => Object.hasOwn(record.labels, name) && record.labels[name] === value);
}

/** Time by phase; begins in the queue. */
class PhaseClock {
	readonly ms = new Map<"queue" | CreatePhase | "total", number>();
	readonly #startedMs = performance.now();
	#phase: "queue" | CreatePhase | null = "queue";
	#beganMs = performance.now();

	begin(phase: CreatePhase | null): void {
		const nowMs = performance.now();
		if (this.#phase !== null)
			this.ms.set(this.#phase, Math.round((this.ms.get(this.#phase) ?? 0) + nowMs - this.#beganMs));
		this.#phase = phase;
		this.#beganMs = nowMs;
		if (phase === null) this.ms.set("total", Math.round(nowMs - this.#startedMs));
	}
}
