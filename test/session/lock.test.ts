import { describe, expect, it } from "vitest";
import { SessionLock } from "../../src/session/life/lock.js";

describe("the session lock", () => {
	it("admits in order of arrival, one at a time", async () => {
		const lock = new SessionLock(() => 10);
		const order: number[] = [];
		let inside = 0;
		const enter = async (n: number) => {
			const release = await lock.acquire();
			expect(++inside).toBe(1);
			order.push(n);
			await Promise.resolve();
			inside--;
			release();
		};
		await Promise.all([1, 2, 3, 4].map(enter));
		expect(order).toEqual([1, 2, 3, 4]);
		expect(lock.held).toBe(false);
	});

	it("refuses a chat over its bound with 429 and a Retry-After", async () => {
		const lock = new SessionLock(() => 1);
		const release = await lock.acquire();
		const waiting = lock.acquire();
		await expect(lock.acquire()).rejects.toMatchObject({
			code: "too_many_requests",
			status: 429,
			retryAfterS: 1,
		});
		release();
		(await waiting)();
	});

	it("lets a waiter leave, and the next one in", async () => {
		const lock = new SessionLock(() => 10);
		const release = await lock.acquire();
		const leaver = new AbortController();
		const left = lock.acquire(leaver.signal);
		const stays = lock.acquire();
		leaver.abort(new Error("gone"));
		await expect(left).rejects.toThrow("gone");
		expect(lock.waiting).toBe(1);
		release();
		(await stays)();
	});

	it("does not admit a waiter that left in the same moment as the lock was released", async () => {
		const lock = new SessionLock(() => 10);
		const release = await lock.acquire();
		const leaver = new AbortController();
		const left = lock.acquire(leaver.signal);
		leaver.abort(new Error("gone"));
		release();
		await expect(left).rejects.toThrow("gone");
		expect(lock.held).toBe(false);
	});

	it("lets all waiters go at once with the reason and tells when the holder has left", async () => {
		const lock = new SessionLock(() => 10);
		const release = await lock.acquire();
		const everybody = new AbortController();
		const waiters = [lock.acquire(everybody.signal), lock.acquire(everybody.signal)];
		everybody.abort(new Error("deleted"));
		for (const waiter of waiters) await expect(waiter).rejects.toThrow("deleted");
		let idle = false;
		const idling = lock.idle().then(() => {
			idle = true;
		});
		await Promise.resolve();
		expect(idle).toBe(false);
		release();
		await idling;
		expect(idle).toBe(true);
	});

	it("passes from its holder to the next waiter without ever being free: a newcomer of that moment waits", async () => {
		const lock = new SessionLock(() => 10);
		const release = await lock.acquire();
		const waiting = lock.acquire();
		release();
		expect(lock.held).toBe(true);
		let newcomerIn = false;
		const newcomer = lock.acquire().then((releaseLast) => {
			newcomerIn = true;
			return releaseLast;
		});
		expect(lock.waiting).toBe(1);
		const releaseWaiter = await waiting;
		await new Promise((resolve) => setImmediate(resolve));
		expect(newcomerIn).toBe(false);
		releaseWaiter();
		(await newcomer)();
		expect(lock.held).toBe(false);
	});

	it("is not freed twice by a release called twice", async () => {
		const lock = new SessionLock(() => 10);
		const first = await lock.acquire();
		const second = lock.acquire();
		const third = lock.acquire();
		first();
		first();
		const release = await second;
		expect(lock.waiting).toBe(1);
		release();
		(await third)();
	});
});
