// How obligations are worked off: bounded in time and number, whatever a resource does; and when they are tried again.
import { describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import { retryAfterMs, type SessionResource } from "../../src/session/life/resource.js";
import { ResourceKeeper } from "../../src/session/life/resource-keeper.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";
import type { Store } from "../../src/store/store.js";
import { bury, putSession, sid } from "../store/values.js";
import { registryRoom } from "../support/registry-room.js";
import { until, within } from "../support/wait.js";

const id = "s" as SessionId;

/** A resource whose calls the test answers itself. */
class HeldResource implements SessionResource {
	readonly name = "held";
	readonly opens: Array<{ signal: AbortSignal; settle: (error?: Error) => void }> = [];
	readonly closes: Array<{ session: SessionId; signal: AbortSignal; settle: (error?: Error) => void }> = [];
	judge: ((isOwed: (session: SessionId) => Promise<boolean>) => Promise<void>) | null = null;

	open(_session: SessionId, _handleJson: string, signal: AbortSignal): Promise<void> {
		return held((settle) => this.opens.push({ signal, settle }));
	}
	close(session: SessionId, _handleJson: string, signal: AbortSignal): Promise<void> {
		return held((settle) => this.closes.push({ session, signal, settle }));
	}
	async reconcile(isOwed: (session: SessionId) => Promise<boolean>): Promise<void> {
		await this.judge?.(isOwed);
	}
}

function held(hold: (settle: (error?: Error) => void) => void): Promise<void> {
	return new Promise((resolve, reject) => {
		hold((error) => (error === undefined ? resolve() : reject(error)));
	});
}

it("a failed close is tried again after 15 s, then twice as long each time, up to ten minutes", () => {
	expect([1, 2, 3, 6, 7, 8, 500].map(retryAfterMs)).toEqual([
		15_000, 30_000, 60_000, 480_000, 600_000, 600_000, 600_000,
	]);
});

describe("a resource that is being made when its session is deleted", () => {
	it("is called off, closed only after its open has ended, and asked for in vain", async () => {
		const resource = new HeldResource();
		const { registry, store, log } = registryRoom({ resources: [resource] });
		const opening = registry.resources.open(await registry.create(id), "held", "1");
		await until("its open", 5000, () => resource.opens.length === 1);
		const deleting = registry.delete(id);
		await until("being called off", 5000, () => resource.opens[0]?.signal.aborted === true);
		await new Promise((resolve) => setImmediate(resolve));
		expect(resource.closes.length).toBe(0);
		resource.opens[0]?.settle();
		await expect(opening).rejects.toMatchObject({ code: "session_closed" });
		await until("its close", 5000, () => resource.closes.length === 1);
		resource.closes[0]?.settle();
		await deleting;
		expect(await store.obligationsOf(id)).toEqual([]);
		expect(log).toEqual(["created", "deleted"]);
		registry.stop();
	});

	it("is not made at all when the session closes between its obligation and its open", async () => {
		const resource = new HeldResource();
		resource.close = async () => undefined;
		const store = createMemoryStore({ tombstones: 10 });
		const { registry } = registryRoom({ resources: [resource] }, store);
		const session = await registry.create(id);
		const { commit } = store;
		let deleting: Promise<void> | undefined;
		store.commit = async (ops) => {
			await commit.call(store, ops);
			if (ops[0]?.op === "put_obligation") deleting = registry.delete(id);
			await new Promise((resolve) => setImmediate(resolve));
		};
		const opening = registry.resources.open(session, "held", "1");
		await expect(opening).rejects.toMatchObject({ code: "session_closed" });
		await within("the DELETE", 5000, deleting ?? Promise.reject(new Error("none")));
		expect(resource.opens.length).toBe(0);
		expect(await store.obligationsOf(id)).toEqual([]);
		registry.stop();
	});
});

it("an open that fails is closed, and a later one waits for that", async () => {
	const resource = new HeldResource();
	const { registry, store } = registryRoom({ resources: [resource] });
	const session = await registry.create(id);
	const first = registry.resources.open(session, "held", "1");
	await until("its open", 5000, () => resource.opens.length === 1);
	resource.opens[0]?.settle(new Error("no such image"));
	await expect(first).rejects.toThrow("no such image");
	const second = registry.resources.open(session, "held", "2");
	await until("the first one's close", 5000, () => resource.closes.length === 1);
	expect(resource.opens.length).toBe(1);
	resource.closes[0]?.settle();
	await until("the second open", 5000, () => resource.opens.length === 2);
	resource.opens[1]?.settle();
	expect(await second).toBe("2");
	expect(await store.obligationsOf(id)).toMatchObject([{ handleJson: "2", ended: false }]);
	registry.stop();
});

describe("obligations of earlier owners", () => {
	async function storeOwing(count: number): Promise<{ store: Store; ids: SessionId[] }> {
		const store = createMemoryStore({ tombstones: 100 });
		const ids = Array.from({ length: count }, (_, index) => sid(`s${index}`));
		for (const session of ids) {
			await store.commit([
				putSession(session),
				{ op: "put_obligation", session, resource: "held", handleJson: "{}" },
			]);
			await store.commit([bury(session)]);
		}
		return { store, ids };
	}

	it("are closed eight at a time, one that fails or hangs not keeping the others", async () => {
		const { store, ids } = await storeOwing(20);
		const resource = new HeldResource();
		const failures: string[] = [];
		const keeper = new ResourceKeeper({
			store,
			clock: { nowS: () => 0, monotonicMs: () => 0 },
			resources: [resource],
			owns: () => true,
			failed: ({ session, error }) => failures.push(`${session}: ${(error as Error).message}`),
			closeTimeoutMs: 200,
		});
		await keeper.start();
		const sweep = keeper.sweep();
		await until("the first closes", 5000, () => resource.closes.length === 8);
		await new Promise((resolve) => setImmediate(resolve));
		expect(resource.closes.length).toBe(8);
		// The first hangs for good.
		resource.closes[1]?.settle(new Error("down"));
		for (let next = 2; next < ids.length; next++) {
			await until(`close ${next}`, 5000, () => resource.closes.length > next);
			resource.closes[next]?.settle();
		}
		await within("the sweep", 5000, sweep);
		expect(resource.closes[0]?.signal.aborted).toBe(true);
		expect(failures.sort()).toEqual(["s0: not closed within 200 ms", "s1: down"]);
		const left: SessionId[] = [];
		for await (const { session } of store.obligations()) left.push(session);
		expect(left).toEqual([ids[0], ids[1]]);
		keeper.stop();
	});

	it("for a resource that this launch has not are kept, and told", async () => {
		const { store } = await storeOwing(1);
		const { registry, log } = registryRoom({}, store);
		await registry.start();
		await registry.resources.sweep();
		expect(log.some((line) => /held of s0 failed 1: this launch has no resource held/.test(line))).toBe(true);
		expect((await store.obligationsOf(sid("s0"))).length).toBe(1);
		registry.stop();
	});
});

describe("reconciling at the start", () => {
	it("spares what other workers own and what can't be looked up, and comes again until it succeeds", async () => {
		const store = createMemoryStore({ tombstones: 10 });
		const { obligationsOf } = store;
		store.obligationsOf = async (session) => {
			if (session === sid("refused")) throw new Error("the partition refuses");
			return obligationsOf.call(store, session);
		};
		await store.commit([
			putSession(sid("owing")),
			{ op: "put_obligation", session: sid("owing"), resource: "held", handleJson: "{}" },
			{ op: "put_obligation", session: sid("owing"), resource: "other", handleJson: "{}" },
		]);
		await store.commit([putSession(sid("live"))]);
		const resource = new HeldResource();
		const owed: Record<string, boolean> = {};
		let tries = 0;
		resource.judge = async (isOwed) => {
			tries++;
			if (tries === 1) throw new Error("the engine is down");
			for (const session of ["owing", "live", "gone", "refused", "elsewhere"]) {
				owed[session] = await isOwed(sid(session));
			}
		};
		const owns = (session: SessionId) => session !== sid("elsewhere");
		const { registry, log } = registryRoom({ resources: [resource], owns }, store);
		await registry.resources.sweep();
		expect(log).toEqual(["held of null failed 1: the engine is down"]);
		await registry.resources.sweep();
		expect(owed).toEqual({ owing: true, live: false, gone: false, refused: true, elsewhere: true });
		await registry.resources.sweep();
		expect(tries).toBe(2);
		registry.stop();
	});
});
