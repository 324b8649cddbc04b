import { describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import { HotStates } from "../../src/session/life/hot-states.js";
import { Session } from "../../src/session/life/session.js";
import { createMemoryStore } from "../../src/store/memory/memory-store.js";

/** A session that holds its (empty) path's state in memory. */
async function hotSession(id: string): Promise<Session> {
	const session = new Session({
		meta: {
			id: id as SessionId,
			createdAt: 0,
			expiresAt: 0,
			lastUsedAt: 0,
			metadataJson: null,
			overridesJson: null,
			head: null,
			provisional: null,
			nextTurn: 0 as never,
			turnCount: 0,
			tokenCount: 0,
		},
		store: createMemoryStore({ tombstones: 1 }),
		maxQueue: () => 1,
		deadlineMs: 0,
		lastUsedMs: 0,
	});
	const state = await session.headState();
	state.tokens.append(new Int32Array(100));
	return session;
}

describe("the memory of idle sessions", () => {
	it("stays within the budget: the least recently used is forgotten first, one in use never", async () => {
		const [a, b, c] = [await hotSession("a"), await hotSession("b"), await hotSession("c")];
		const one = a.hotBytes;
		expect(one).toBeGreaterThan(0);
		const states = new HotStates(2 * one);
		states.used(a);
		states.used(b);
		states.used(a);
		expect([a.hotBytes, b.hotBytes]).toEqual([one, one]);
		states.used(c);
		expect([a.hotBytes, b.hotBytes, c.hotBytes]).toEqual([one, 0, one]);
		await b.headState().then((state) => state.tokens.append(new Int32Array(100)));
		a.inflight = 1;
		states.used(b);
		expect([a.hotBytes, b.hotBytes, c.hotBytes]).toEqual([one, one, 0]);
	});

	it("is given up by those that were not used for a while, whatever room there is", async () => {
		const [a, b, c] = [await hotSession("a"), await hotSession("b"), await hotSession("c")];
		const states = new HotStates(1e9);
		for (const [session, usedMs] of [
			[a, 10],
			[b, 20],
			[c, 30],
		] as const) {
			session.lastUsedMs = usedMs;
			states.used(session);
		}
		a.inflight = 1;
		states.coolUnused(30);
		expect([a.hotBytes > 0, b.hotBytes, c.hotBytes > 0]).toEqual([true, 0, true]);
		a.inflight = 0;
		states.coolUnused(31);
		expect([a.hotBytes, b.hotBytes, c.hotBytes]).toEqual([0, 0, 0]);
	});

	it("is given up behind one in use too, of which a request has just ended", async () => {
		const [a, b] = [await hotSession("a"), await hotSession("b")];
		const states = new HotStates(1e9);
		for (const session of [a, b]) {
			session.lastUsedMs = 10;
			states.used(session);
		}
		// A long chat goes on; a read of the same session came and went.
		a.inflight = 1;
		a.lastUsedMs = 90;
		states.coolUnused(30);
		expect([a.hotBytes > 0, b.hotBytes]).toEqual([true, 0]);
	});

	it("does not count a session that has closed, or one that was forgotten", async () => {
		const [a, b, c] = [await hotSession("a"), await hotSession("b"), await hotSession("c")];
		const states = new HotStates(a.hotBytes);
		await a.close("deleted", 0);
		states.used(a);
		states.used(b);
		expect(b.hotBytes).toBeGreaterThan(0);
		states.forget(b);
		states.used(c);
		expect([b.hotBytes > 0, c.hotBytes > 0]).toEqual([true, true]);
	});
});
