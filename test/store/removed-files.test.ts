// A session of several owners' files of which the newest was taken away: it is missed, unless a loss of power has taken it.
import { rmSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDiskReader } from "../../src/store/disk/reader.js";
import type { DiskStoreOptions } from "../../src/store/disk/store.js";
import type { Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, header, liveIds, putSession, sid, tid } from "./values.js";

/** Both in partition 0. */
const [id, sound] = [sid(`00${"a".repeat(30)}`), sid(`00${"b".repeat(30)}`)];

let dir: DiskDir;
const open: Store[] = [];
beforeEach(async () => {
	dir = await createDiskDir();
});
afterEach(async () => {
	for (const store of open.splice(0)) await store.close();
	await dir.remove();
});

async function openStore(changes: Partial<DiskStoreOptions> = {}): Promise<Store> {
	const store = await dir.open(changes);
	open.push(store);
	return store;
}

/** Oldest first. */
const files = () =>
	dir
		.sessionFiles(0)
		.filter((path) => path.includes(id))
		.sort();

/** A turn from each of so many owners, the last of which is not closed. */
async function write(owners: number, changes: Partial<DiskStoreOptions> = {}): Promise<void> {
	for (let turn = 0; turn < owners; turn++) {
		const store = await openStore(changes);
		if (turn === 0) await store.commit([putSession(sound), append(sound, 0, { reply: [bytes(3000)] })]);
		if (turn === 0) await store.commit([putSession(id)]);
		await store.commit([
			append(id, turn, { reply: [bytes(3000, turn)] }),
			putSession(id, { turnCount: turn + 1 }),
		]);
		if (turn < owners - 1) await store.close();
	}
	expect(files()).toHaveLength(owners);
}

for (const removed of [1, 2]) {
	it(`Without the newest ${removed} of its files a session is refused, beside others, until it is deleted`, async () => {
		await write(4);
		for (const path of files().slice(-removed)) rmSync(path);
		const reader = await openDiskReader({ dataDir: dir.path, onPartitionRefused: () => undefined });
		await expect(reader.session(id)).rejects.toMatchObject({ code: "store_damaged" });
		await reader.close();
		const told: string[] = [];
		const store = await openStore({
			onSessionDamaged: (damaged, _file, why) => told.push(`${damaged}: ${why}`),
		});
		expect(await liveIds(store)).toEqual([id, sound]);
		for (const attempt of [
			() => store.session(id),
			() => store.headers(id),
			() => store.commit([append(id, 4)]),
			() => store.commit([putSession(id)]),
			() => store.tombstone(id),
		]) {
			await expect(attempt()).rejects.toMatchObject({ code: "store_damaged" });
		}
		expect(told).toEqual([expect.stringMatching(`^${id}: the file that goes on from it .* is gone$`)]);
		expect((await store.part(sound, tid(0), "reply")).equals(bytes(3000))).toBe(true);
		await store.commit([bury(id)]);
		expect(files()).toEqual([]);
		await store.commit([putSession(id), append(id, 0)]);
		expect(await store.headers(id)).toEqual([header(0)]);
	});
}

it("A newest file of another boot that nobody has flushed may be gone: the session is what was before, and that is told", async () => {
	await write(2, { bootId: "this boot" });
	rmSync(files()[1] ?? "");
	const lost: string[] = [];
	const store = await openStore({
		bootId: "the next boot",
		onSessionRolledBack: (session, size) => lost.push(`${session} ${size > 3000}`),
	});
	expect(await store.headers(id)).toEqual([header(0)]);
	expect(lost).toEqual([`${id} true`]);
	// It goes on from there, and its new file is the one that is missed from now on.
	await store.commit([append(id, 1, { reply: [bytes(100, 9)] }), putSession(id, { turnCount: 2 })]);
	await store.close();
	const again = await openStore({ bootId: "the next boot" });
	expect((await again.part(id, tid(1), "reply")).equals(bytes(100, 9))).toBe(true);
	expect(lost).toHaveLength(1);
	await again.close();
	rmSync(files()[1] ?? "");
	const last = await openStore({ bootId: "the third boot" });
	await expect(last.session(id)).rejects.toMatchObject({ code: "store_damaged" });
});

for (const [durability, isClosed] of [
	["process", true],
	["power", false],
] as const) {
	it(`A newest file that was flushed (${durability}) is missed under another boot too`, async () => {
		await write(2, { bootId: "this boot", durability });
		if (isClosed) await open.at(-1)?.close();
		rmSync(files()[1] ?? "");
		const store = await openStore({ bootId: "the next boot" });
		await expect(store.session(id)).rejects.toMatchObject({ code: "store_damaged" });
	});
}
