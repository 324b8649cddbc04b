// The resources of one worker's sessions: the obligation is stored before one is made, and settled only after it is closed.
import type { Clock } from "../../base/clock.js";
import { RollpinError } from "../../base/errors.js";
import type { SessionId } from "../../base/ids.js";
import type { Obligation, Store } from "../../store/store.js";
import { type ResourceFailure, retryAfterMs, type SessionResource } from "./resource.js";
import type { Session } from "./session.js";

export interface ResourceKeeperOptions {
	store: Store;
	clock: Clock;
	resources: readonly SessionResource[];
	/** Whether a session, live or not, is this worker's. */
	owns(session: SessionId): boolean;
	failed(failure: ResourceFailure): void;
	/** An attempt to close that takes longer counts as failed. 10 s unless told. */
	closeTimeoutMs?: number;
}

/** Something that is to be closed. */
interface Owed extends Obligation {
	failures: number;
	/** Monotonic; not tried by a sweep before. */
	nextTryMs: number;
	closing: Promise<void> | null;
}

interface Making {
	abort: AbortController;
	ended: Promise<unknown>;
}

const CLOSE_TIMEOUT_MS = 10_000;
const CLOSES_AT_ONCE = 8;

export class ResourceKeeper {
	readonly #options: ResourceKeeperOptions;
	readonly #resources: ReadonlyMap<string, SessionResource>;
	/** What is to be closed, oldest first: of buried sessions, and what a failed `open` or a failed `close` left. */
	readonly #owed = new Map<string, Owed>();
	readonly #opening = new Map<string, Promise<string>>();
	/** From before the obligation is stored until `open` has ended: a close waits for that. */
	readonly #making = new Map<string, Making>();
	readonly #unreconciled: Map<SessionResource, number>;
	readonly #closers = new Set<Promise<void>>();
	#reconciling: Promise<void> | null = null;
	#stopped = false;

	constructor(options: ResourceKeeperOptions) {
		this.#options = options;
		this.#resources = new Map(options.resources.map((resource) => [resource.name, resource]));
		this.#unreconciled = new Map(options.resources.map((resource) => [resource, 0]));
	}

	/** Learns what earlier owners of the store left to be closed. The sweeps close it. */
	async start(): Promise<void> {
		for await (const obligation of this.#options.store.obligations()) {
			if (obligation.ended) this.#owe(obligation);
		}
	}

	/** Ends no attempt, and tells of none that fails from now on. */
	stop(): void {
		this.#stopped = true;
	}

	/**
	 * Makes the session's resource of that name, or takes over the one it has. Returns its handle: the given one, or
	 * that of the one it has.
	 * @throws what the resource's `open` throws, and then it is closed; what its `close` throws, when one that was to be
	 * closed still stands; RollpinError when the session closes meanwhile
	 */
	open(session: Session, name: string, handleJson: string): Promise<string> {
		const key = keyOf(session.meta.id, name);
		const running = this.#opening.get(key);
		if (running !== undefined) return running;
		const opening = this.#open(session, name, handleJson).finally(() => this.#opening.delete(key));
		this.#opening.set(key, opening);
		return opening;
	}

	/**
	 * Ends a live session's resource, if it has one of that name.
	 * @throws what the resource's `close` throws; the sweeps try it again then
	 */
	async close(id: SessionId, name: string): Promise<void> {
		const found = (await this.#options.store.obligationsOf(id)).find(({ resource }) => resource === name);
		if (found !== undefined) await this.#close(this.#owe(found));
	}

	/** Closes what a buried session owed, each at least once; what fails is left to the sweeps. Never throws. */
	async release(obligations: readonly Obligation[]): Promise<void> {
		await Promise.allSettled(obligations.map((obligation) => this.#close(this.#owe(obligation))));
	}

	/** As `release`, but a few at a time, and without waiting, so that a burst of expiries is not one of closes. */
	releaseLater(obligations: readonly Obligation[]): void {
		for (const obligation of obligations) this.#owe(obligation);
		if (obligations.length > 0) void this.#closeAllDue();
	}

	/** Reconciles what has not been yet, and tries what is due, a few at a time. Never throws. */
	async sweep(): Promise<void> {
		this.#reconciling ??= this.#reconcile().finally(() => {
			this.#reconciling = null;
		});
		await Promise.all([this.#reconciling, this.#closeAllDue()]);
	}

	async #open(session: Session, name: string, handleJson: string): Promise<string> {
		const { id } = session.meta;
		const resource = this.#resource(name);
		const key = keyOf(id, name);
		const earlier = this.#owed.get(key);
		if (earlier !== undefined) await this.#close(earlier);
		const abort = new AbortController();
		const made = this.#make(session, resource, handleJson, abort.signal);
		const making = { abort, ended: made.catch(ignore) };
		this.#making.set(key, making);
		try {
			const handle = await made;
			if (session.closing !== null) throw session.closedError();
			return handle;
		} finally {
			this.#making.delete(key);
		}
	}

	async #make(
		session: Session,
		resource: SessionResource,
		handleJson: string,
		signal: AbortSignal,
	): Promise<string> {
		const { store } = this.#options;
		const { id } = session.meta;
		const stored = (await store.obligationsOf(id)).find((owed) => owed.resource === resource.name);
		const obligation = stored ?? { session: id, resource: resource.name, handleJson, ended: false };
		await session.write(async () => {
			session.refuseWhenClosing();
			signal.throwIfAborted();
			if (stored === undefined) await store.commit([{ op: "put_obligation", ...obligation }]);
		});
		try {
			// Made after this, it is there while its session closes, and the close waits.
			if (session.closing !== null) throw session.closedError();
			signal.throwIfAborted();
			await resource.open(id, obligation.handleJson, signal);
			return obligation.handleJson;
		} catch (error) {
			// Half of it may be there. The sweep waits for this call's end.
			this.releaseLater([obligation]);
			throw error;
		}
	}

	#owe(obligation: Obligation): Owed {
		const key = keyOf(obligation.session, obligation.resource);
		const known = this.#owed.get(key);
		if (known !== undefined) return known;
		const owed = { ...obligation, failures: 0, nextTryMs: Number.NEGATIVE_INFINITY, closing: null };
		this.#owed.set(key, owed);
		return owed;
	}

	/** One attempt at a time; who comes meanwhile waits for the same one. */
	#close(owed: Owed): Promise<void> {
		owed.closing ??= this.#closeOnce(owed).finally(() => {
			owed.closing = null;
		});
		return owed.closing;
	}

	async #closeOnce(owed: Owed): Promise<void> {
		const { session, resource, handleJson } = owed;
		const { store, clock, failed, closeTimeoutMs = CLOSE_TIMEOUT_MS } = this.#options;
		const key = keyOf(session, resource);
		try {
			await within(closeTimeoutMs, async (signal) => {
				const making = this.#making.get(key);
				making?.abort.abort(endedMeanwhile(session, resource));
				await making?.ended;
				signal.throwIfAborted();
				await this.#resource(resource).close(session, handleJson, signal);
			});
			await store.commit([{ op: "settle_obligation", session, resource }]);
			this.#owed.delete(key);
		} catch (error) {
			owed.failures++;
			owed.nextTryMs = clock.monotonicMs() + retryAfterMs(owed.failures);
			if (!this.#stopped) failed({ resource, session, failures: owed.failures, error });
			throw error;
		}
	}

	async #closeAllDue(): Promise<void> {
		while (this.#closers.size < CLOSES_AT_ONCE) {
			const closer: Promise<void> = this.#closeDue().finally(() => this.#closers.delete(closer));
			this.#closers.add(closer);
		}
		await Promise.all(this.#closers);
	}

	async #closeDue(): Promise<void> {
		while (!this.#stopped) {
			const due = this.#firstDue(this.#options.clock.monotonicMs());
			if (due === undefined) return;
			await this.#close(due).catch(ignore);
		}
	}

	#firstDue(nowMs: number): Owed | undefined {
		for (const owed of this.#owed.values()) {
			if (owed.closing === null && owed.nextTryMs <= nowMs) return owed;
		}
		return undefined;
	}

	async #reconcile(): Promise<void> {
		for (const [resource, failures] of [...this.#unreconciled]) {
			try {
				await resource.reconcile((session) => this.#isOwed(session, resource.name));
				this.#unreconciled.delete(resource);
			} catch (error) {
				this.#unreconciled.set(resource, failures + 1);
				if (this.#stopped) return;
				this.#options.failed({ resource: resource.name, session: null, failures: failures + 1, error });
			}
		}
	}

	async #isOwed(session: SessionId, name: string): Promise<boolean> {
		if (!this.#options.owns(session)) return true;
		try {
			const owed = await this.#options.store.obligationsOf(session);
			return owed.some(({ resource }) => resource === name);
		} catch {
			// Its partition refuses to serve: whoever restores it will know.
			return true;
		}
	}

	#resource(name: string): SessionResource {
		const resource = this.#resources.get(name);
		if (resource === undefined) {
			throw new RollpinError(
				"internal",
				`this launch has no resource ${name}: start it as the launch that made one`,
			);
		}
		return resource;
	}
}

/** A session id has no space in it. */
function keyOf(session: SessionId, resource: string): string {
	return `${session} ${resource}`;
}

function endedMeanwhile(session: SessionId, resource: string): RollpinError {
	return new RollpinError(
		"session_state_conflict",
		`the ${resource} of session ${session} was ended while it was being made; ask for it again if the session lives`,
	);
}

/** What `run` gives, or the signal's reason when that takes too long; `run` may go on after that. */
async function within<T>(timeoutMs: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
	const abort = new AbortController();
	const late = new Promise<never>((_, reject) => {
		abort.signal.addEventListener("abort", () => reject(abort.signal.reason), { once: true });
	});
	const timer = setTimeout(() => abort.abort(new Error(`not closed within ${timeoutMs} ms`)), timeoutMs);
	try {
		return await Promise.race([run(abort.signal), late]);
	} finally {
		clearTimeout(timer);
	}
}

function ignore(): void {}
