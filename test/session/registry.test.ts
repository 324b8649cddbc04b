// What the registry does when a teardown cannot be finished at once.
import { describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import type { BeforeExpiry } from "../../src/session/life/teardown.js";
import { registryRoom } from "../support/registry-room.js";
import { until } from "../support/wait.js";

const id = "s" as SessionId;

const room = (beforeExpiry: BeforeExpiry) => registryRoom({ beforeExpiry });

describe("an expired session that cannot be dumped", () => {
	it("stays in the store, closed, and every sweep tries again until it works", async () => {
		let disk = "full";
		const dumped: string[] = [];
		const { store, registry, log, advance } = room(async (session) => {
			if (disk === "full") throw new Error("disk full");
			dumped.push(session.meta.id);
		});
		await registry.create(id);
		advance(11_000);
		await registry.sweep();
		advance(30_000);
		await registry.sweep();
		expect(log).toEqual(["created", "failed disk full", "swept 0/1", "failed disk full", "swept 0/1"]);
		await expect(registry.get(id)).rejects.toMatchObject({ code: "session_expired", status: 404 });
		await expect(registry.delete(id)).rejects.toMatchObject({ code: "session_expired", status: 404 });
		expect(await store.session(id)).toBeDefined();
		disk = "free";
		await registry.sweep();
		expect(dumped).toEqual([id]);
		expect(log.slice(-2)).toEqual(["reaped ttl 31000", "swept 1/1"]);
		expect(await store.session(id)).toBeUndefined();
		// When it was closed, not when the dump worked at last.
		expect(await store.tombstone(id)).toEqual({ id, reason: "expired", at: 11 });
		await registry.sweep();
		expect(log.at(-1)).toBe("swept 0/0");
		registry.stop();
	});

	it("is not dumped twice by a timer and a sweep that meet", async () => {
		let open = () => {};
		const held = new Promise<void>((resolve) => {
			open = resolve;
		});
		let dumps = 0;
		const { registry, advance, store } = room(async () => {
			dumps++;
			await held;
		});
		await registry.create(id);
		advance(11_000);
		const first = registry.sweep();
		await registry.sweep();
		open();
		await first;
		expect(dumps).toBe(1);
		expect(await store.session(id)).toBeUndefined();
		registry.stop();
	});
});

describe("many sessions that are due together", () => {
	const named = (at: number) => `s${at}` as SessionId;

	it("are torn down a few at a time, every one of them once, before the sweep is over", async () => {
		let running = 0;
		let most = 0;
		const dumped: string[] = [];
		// The first ones stay until as many run as may: a sweep that began fewer at once would not end.
		let open = () => {};
		const full = new Promise<void>((resolve) => {
			open = resolve;
		});
		const dump: BeforeExpiry = async (session) => {
			most = Math.max(most, ++running);
			if (running === 64) open();
			await full;
			await new Promise((resolve) => setImmediate(resolve));
			dumped.push(session.meta.id);
			running--;
		};
		const { registry, log, advance } = registryRoom({ beforeExpiry: dump }, undefined, { maxSessions: 500 });
		for (let at = 0; at < 300; at++) await registry.create(named(at));
		advance(11_000);
		await registry.sweep();
		expect(log.at(-1)).toBe("swept 300/300");
		expect(new Set(dumped).size).toBe(300);
		expect(dumped).toHaveLength(300);
		expect(most).toBe(64);
		expect(registry.size).toBe(0);
		registry.stop();
	});

	it("are not kept by one that takes for ever, and neither are those that come due later", async () => {
		const { registry, advance } = room(async (session) => {
			if (session.meta.id === "stuck") await new Promise(() => {});
		});
		await registry.start();
		// Their timers are real, the time that they tell is not.
		await registry.create("stuck" as SessionId, { ttlS: 0.004 });
		await registry.create("beside" as SessionId, { ttlS: 0.004 });
		await registry.create("later" as SessionId, { ttlS: 0.01 });
		advance(5);
		await until("beside it", 5_000, () => registry.size === 2);
		advance(50);
		await until("the later one", 5_000, () => registry.size === 1);
		registry.stop();
	});
});

describe("the start", () => {
	it("has torn down everything that was due before it is over, however much that is", async () => {
		const before = registryRoom({}, undefined, { maxSessions: 500 });
		for (let at = 0; at < 300; at++) await before.registry.create(`s${at}` as SessionId);
		before.registry.stop();
		const after = registryRoom({}, before.store);
		after.advance(60_000);
		await after.registry.start();
		expect([after.registry.size, after.log.at(-1)]).toEqual([0, "swept 300/300"]);
		after.registry.stop();
	});
});

describe("an idle limit", () => {
	it("counts from the last use, whatever the session was put down for before", async () => {
		const { registry, log, advance } = registryRoom({}, undefined, { idleTtlS: 2, sessionTtlS: 8 });
		const session = await registry.create(id);
		const other = await registry.create("other" as SessionId);
		for (let round = 0; round < 3; round++) {
			advance(1500);
			registry.use(session)();
			await registry.sweep();
		}
		// The other one was not used; a request that is under way holds the limit off.
		expect(log.filter((line) => line.startsWith("reaped"))).toEqual(["reaped idle 1000"]);
		expect(other.closing).toBe("expired");
		const done = registry.use(session);
		advance(3000);
		await registry.sweep();
		expect(session.closing).toBeNull();
		done();
		advance(1000);
		await registry.sweep();
		expect(log.at(-2)).toBe("reaped ttl 500");
		registry.stop();
	});

	it("ends a session sooner than its lifetime when the request that held it off is over", async () => {
		const { registry, log, advance } = registryRoom({}, undefined, { idleTtlS: 2, sessionTtlS: 100 });
		const session = await registry.create(id);
		const done = registry.use(session);
		advance(5000);
		await registry.sweep();
		done();
		advance(2001);
		await registry.sweep();
		expect(log.at(-2)).toBe("reaped idle 1");
		registry.stop();
	});
});
