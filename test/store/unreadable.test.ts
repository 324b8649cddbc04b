// What stands under a session's name and can't be read at all: a session that is refused, never a worker that can't start.
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, putSession, sid, tid } from "./values.js";

const [harmed, sound] = [sid(`00${"a".repeat(30)}`), sid(`00${"b".repeat(30)}`)];

let dir: DiskDir;
let store: Store;
beforeEach(async () => {
	dir = await createDiskDir();
	store = await dir.open();
	for (const id of [harmed, sound])
		await store.commit([putSession(id), append(id, 0, { reply: [bytes(3000)] })]);
	await store.close();
});
afterEach(async () => {
	await store.close();
	await dir.remove();
});

const fileOf = (id: string) => dir.sessionFiles(0).find((path) => path.includes(id)) ?? "";
const damaged = { code: "store_damaged", status: 500 };

test.each([
	["a directory", (path: string) => mkdirSync(path)],
	["a link to itself", (path: string) => symlinkSync(path, path)],
	["a link to a directory", (path: string) => symlinkSync("/", path)],
])("%s in place of a session's file is one session that is refused", async (_what, put) => {
	const path = fileOf(harmed);
	rmSync(path);
	put(path);
	const told: unknown[] = [];
	store = await dir.open({
		onSessionDamaged: (id) => told.push(id),
		onPartitionRefused: (_partition, reason) => told.push(reason),
	});
	const ids: string[] = [];
	for await (const { id } of store.sessions()) ids.push(id);
	expect(ids.sort()).toEqual([harmed, sound]);
	expect(told).toEqual([harmed]);
	await expect(store.session(harmed)).rejects.toMatchObject(damaged);
	await expect(store.tombstone(harmed)).rejects.toMatchObject(damaged);
	expect((await store.part(sound, tid(0), "reply")).equals(bytes(3000))).toBe(true);
	await store.commit([bury(harmed)]);
	expect(await store.tombstone(harmed)).toMatchObject({ reason: "deleted" });
});

test("a directory under the name of a file that was never finished keeps no partition from being opened", async () => {
	mkdirSync(`${fileOf(harmed)}.tmp`);
	const told: unknown[] = [];
	store = await dir.open({ onPartitionRefused: (_partition, reason) => told.push(reason) });
	expect(told).toEqual([]);
	expect(await store.headers(harmed)).toHaveLength(1);
});

test("a file that becomes unreadable while it is served costs its session", async () => {
	store = await dir.open({ filesKeptOpen: 0 });
	expect(await store.headers(harmed)).toHaveLength(1);
	const path = fileOf(harmed);
	rmSync(path);
	mkdirSync(path);
	await expect(store.part(harmed, tid(0), "reply")).rejects.toMatchObject(damaged);
	expect((await store.part(sound, tid(0), "reply")).equals(bytes(3000))).toBe(true);
});
