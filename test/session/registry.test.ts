// What the registry does when a teardown cannot be finished at once.
import { describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import type { BeforeExpiry } from "../../src/session/life/teardown.js";
import { registryRoom } from "../support/registry-room.js";

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
