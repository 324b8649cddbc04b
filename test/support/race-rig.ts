// A worker rig whose turns can be held at every await point, over a store on disk and a clock that can jump.
import { type Clock, systemClock } from "../../src/base/clock.js";
import type { ClusterConfig } from "../../src/config/cluster-config.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import { Checkpoints, HeldStore, heldTito } from "./checkpoints.js";
import { createDiskDir } from "./disk-dir.js";
import { until, within } from "./wait.js";
import { type Reply, startRig, type WorkerRig } from "./worker-rig.js";

/** Lifetime of every session of the rig, s. */
export const RIG_TTL_S = 3600;

export interface Attempt {
	/** The reply; null when the client left. */
	done: Promise<Reply | null>;
	/** Closes the client's connection. */
	leave: () => void;
}

export interface RaceRig extends WorkerRig {
	points: Checkpoints;
	held: () => HeldStore;
	/** A chat that can be left. */
	begin(id: string, body: object, headers?: Record<string, string>): Attempt;
	/** Resolves when the worker has seen every connection close that its clients closed before this call. */
	noticed(): Promise<void>;
	/** Moves both clocks. No timer notices. */
	jump(seconds: number): void;
	/** Moves the wall clock only. */
	jumpWall(seconds: number): void;
	/** Moves both clocks past every deadline, and lets the session's timer find out. */
	expire(id: string): Promise<void>;
	/** Resolves when this many chats of the session run or wait. */
	inFlight(id: string, count: number): Promise<void>;
	/** Log records of chats of the session that have ended, oldest first. */
	ended(id: string, count: number): Promise<Array<[status: unknown, code: unknown]>>;
}

/** With `store: "memory"` in `overrides` a restart forgets everything, and the rig starts faster. */
export async function startRaceRig(
	overrides: Partial<ClusterConfig> = {},
	samplesThread?: string,
): Promise<RaceRig> {
	const points = new Checkpoints();
	const tombstones = overrides.tombstones ?? 100;
	const dir = overrides.store === "memory" ? null : await createDiskDir(tombstones);
	let jumpedMs = 0;
	let wallJumpedMs = 0;
	const clock: Clock = {
		nowS: () => systemClock.nowS() + (jumpedMs + wallJumpedMs) / 1000,
		monotonicMs: () => systemClock.monotonicMs() + jumpedMs,
	};
	let store: HeldStore | null = null;
	const rig = await startRig(
		{ sessionTtlS: RIG_TTL_S, maxSessionTtlS: RIG_TTL_S, ...overrides },
		async () => {
			store = new HeldStore(dir === null ? createMemoryStore({ tombstones }) : await dir.open(), points);
			return store;
		},
		(tito) => heldTito(tito, points),
		clock,
		samplesThread,
	);
	const close = rig.close.bind(rig);
	return Object.assign(rig, {
		points,
		held: () => store as HeldStore,
		begin(id: string, body: object, headers: Record<string, string> = {}): Attempt {
			const controller = new AbortController();
			const done = rig.chat(id, body, { headers, signal: controller.signal }).catch((error: unknown) => {
				if (controller.signal.aborted) return null;
				throw error;
			});
			const ended = within("a chat's end", 15_000, done);
			// An assertion that fails before the chat's end is awaited must be the only failure that is shown.
			ended.catch(() => undefined);
			return { done: ended, leave: () => controller.abort() };
		},
		async noticed(): Promise<void> {
			// Client and worker share one event loop: what was closed before these requests were sent is read before they are.
			for (let trip = 0; trip < 3; trip++) await rig.request("GET", "/sessions");
		},
		jump(seconds: number): void {
			jumpedMs += seconds * 1000;
		},
		jumpWall(seconds: number): void {
			wallJumpedMs += seconds * 1000;
		},
		async expire(id: string): Promise<void> {
			jumpedMs += (RIG_TTL_S + 1) * 1000;
			// The end of any request arms the timer anew. It is cut where the deadline comes while it is read.
			await rig.request("GET", `/sessions/${id}`).catch(() => undefined);
		},
		async inFlight(id: string, count: number): Promise<void> {
			await until(`${count} chats in flight`, 10_000, async () => {
				const { session } = (await rig.request("GET", `/sessions/${id}`)).json;
				return session?.in_flight === count;
			});
		},
		ended: (id: string, count: number) =>
			until(`${count} chat_done`, 10_000, () => {
				const done = rig.events.filter(
					({ event, fields }) => event === "chat_done" && fields.session_id === id,
				);
				return done.length >= count
					? done.map(({ fields }): [unknown, unknown] => [fields.status, fields.code])
					: null;
			}),
		async close(): Promise<void> {
			await close();
			await dir?.remove();
		},
	});
}
