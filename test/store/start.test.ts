// What a start asks of stored sessions: one look at each, whatever is asked for after it.
import { truncateSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { partitionOf } from "../../src/base/partitions.js";
import type { Obligation, SessionMeta, Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { PassingStore } from "../support/passing-store.js";
import { registryRoom } from "../support/registry-room.js";
import { append, putSession, sid } from "./values.js";

const ID = sid("a-session");

let dir: DiskDir;
let store: Store;
beforeEach(async () => {
	dir = await createDiskDir();
	const former = await dir.open();
	await former.commit([putSession(ID), append(ID, 0, { reply: [Buffer.from("some")] })]);
	await former.commit([{ op: "put_obligation", session: ID, resource: "directory", handleJson: "{}" }]);
	await former.close();
	store = await dir.open();
});
afterEach(async () => {
	await store.close();
	await dir.remove();
});

it("neither the store's size nor what sessions owe is read from their files once they were looked at", async () => {
	for await (const found of store.sessions()) expect(found.id).toBe(ID);
	const bytes = await store.sizeBytes();
	// Whoever reads it from now on finds it damaged.
	for (const path of dir.sessionFiles(partitionOf(ID))) truncateSync(path, 0);
	expect(await store.sizeBytes()).toBe(bytes);
	const owed: string[] = [];
	for await (const { session } of store.obligations()) owed.push(session);
	expect(owed).toEqual([ID]);
	expect(store.damagedSessions()).toBe(0);
	await expect(store.session(ID)).rejects.toMatchObject({ code: "store_damaged" });
});

it("a registry takes its sessions from the first look at them, and asks what they owe after it", async () => {
	const asked: string[] = [];
	class Asked extends PassingStore {
		override sessions(): AsyncIterable<SessionMeta> {
			asked.push("sessions");
			return super.sessions();
		}
		override obligations(): AsyncIterable<Obligation> {
			asked.push("obligations");
			return super.obligations();
		}
	}
	const { registry } = registryRoom({}, new Asked(store));
	await registry.start();
	registry.stop();
	expect(asked).toEqual(["sessions", "obligations"]);
});
