// One session, read from outside its worker, to a draft. Keeps it only when all of it was stored from first to last.
import { setTimeout as pause } from "node:timers/promises";
import { RollpinError } from "../base/errors.js";
import type { SessionId, TurnId } from "../base/ids.js";
import { SampleError } from "../samples/sample.js";
import { Session } from "../session/life/session.js";
import type { ReadableStore, SessionMeta, TurnHeader } from "../store/store.js";
import type { Draft, Sink } from "./sinks.js";

/** A session's bytes in the format asked for. */
export type Produce = (session: Session) => AsyncIterable<Uint8Array>;

export type Outcome =
	| { kind: "done"; turns: number }
	/** Deleted, or expired, before all of it was read. */
	| { kind: "gone" }
	| { kind: "failed"; reason: string };

/** A chat may replace an aborted turn while it is read; 20 times in a row mean that something else is wrong. */
const MAX_TRIES = 20;
const TRY_PAUSE_MS = 20;

/** Throws what the sink throws, and bugs; whatever is wrong with the session itself is an outcome. */
export async function exportSession(
	store: ReadableStore,
	id: SessionId,
	produce: Produce,
	sink: Sink,
): Promise<Outcome> {
	for (let tries = 0; tries < MAX_TRIES; tries++) {
		if (tries > 0) await pause(TRY_PAUSE_MS);
		let meta: SessionMeta | undefined;
		let headers: Map<TurnId, TurnHeader>;
		let session: Session;
		try {
			// One look: what is read of the session from here on is of this moment.
			meta = await store.session(id);
			if (meta === undefined) return { kind: "gone" };
			session = new Session({ meta, store, maxQueue: () => 0, deadlineMs: 0, lastUsedMs: 0 });
			headers = await session.headers();
		} catch (error) {
			return { kind: "failed", reason: reasonOf(error) };
		}
		const draft = await sink.begin(id);
		let kept = false;
		try {
			const failure = await fill(draft, produce(session));
			let now: { meta: SessionMeta | undefined; headers: TurnHeader[] };
			try {
				now = { meta: await store.session(id), headers: await store.headers(id) };
			} catch (error) {
				return { kind: "failed", reason: reasonOf(error) };
			}
			if (now.meta === undefined) return { kind: "gone" };
			const whole = now.meta.createdAt === meta.createdAt && hasAll(now.headers, headers.keys());
			// What was dropped meanwhile explains a failure, and spoils what was read without one.
			if (!whole) continue;
			if (failure !== null) return { kind: "failed", reason: reasonOf(failure.error) };
			kept = true;
			await draft.keep();
			return { kind: "done", turns: meta.turnCount };
		} finally {
			if (!kept) await draft.drop();
		}
	}
	return { kind: "failed", reason: "it changed again and again while it was read; export it again" };
}

/** Null when all of it was written. What reading throws is returned, what writing throws is thrown. */
async function fill(draft: Draft, chunks: AsyncIterable<Uint8Array>): Promise<{ error: unknown } | null> {
	const reading = chunks[Symbol.asyncIterator]();
	for (;;) {
		let next: IteratorResult<Uint8Array>;
		try {
			next = await reading.next();
		} catch (error) {
			return { error };
		}
		if (next.done === true) return null;
		await draft.write(next.value);
	}
}

/** Throws what is no fault of the stored session: a bug of ours, a setting. */
function reasonOf(error: unknown): string {
	const isOfSession = error instanceof SampleError || error instanceof RollpinError;
	if (!isOfSession) throw error;
	return error.message;
}

function hasAll(stored: readonly TurnHeader[], wanted: Iterable<TurnId>): boolean {
	const ids = new Set(stored.map(({ id }) => id));
	return [...wanted].every((id) => ids.has(id));
}
