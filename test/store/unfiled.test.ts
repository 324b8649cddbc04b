// A session without a turn: it is in its partition's ledger, gets a file with its first turn, and is never lost between the two.
import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Partition, SessionId } from "../../src/base/ids.js";
import { partitionOf } from "../../src/base/partitions.js";
import { Ledger } from "../../src/store/disk/ledger.js";
import { partitionDirectory } from "../../src/store/disk/names.js";
import { Owner } from "../../src/store/disk/owner.js";
import { openDiskReader } from "../../src/store/disk/reader.js";
import type { DiskStoreOptions } from "../../src/store/disk/store.js";
import { seedOf } from "../../src/store/files/head.js";
import { Medium } from "../../src/store/files/medium.js";
import { newestSlot } from "../../src/store/files/slots.js";
import { run, type Steps } from "../../src/store/files/steps.js";
import type { Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, header, meta, putSession, sid } from "./values.js";

const [id, other] = ["00aa", "00bb"].map((start) => sid(start.padEnd(32, "0"))) as [SessionId, SessionId];
/** Its files' name is a hash. */
const hashed = Array.from({ length: 1000 }, (_, at) => sid(`A Long Name ${at}`)).find(
	(one) => partitionOf(one) === 0,
) as SessionId;
/** All in partition 0. */
const ids = [id, other, hashed];

let dir: DiskDir;
const open: Store[] = [];
beforeEach(async () => {
	dir = await createDiskDir();
});
afterEach(async () => {
	for (const store of open.splice(0)) await store.close();
	await dir.remove();
});

/** As after a death of the one before: nothing of that is closed. */
async function openStore(changes: Partial<DiskStoreOptions> = {}): Promise<Store> {
	const store = await dir.open(changes);
	open.push(store);
	return store;
}

async function listed(store: Pick<Store, "sessions">): Promise<string[]> {
	const found: string[] = [];
	for await (const { id } of store.sessions()) found.push(id);
	return found.sort();
}

function ledgerBytes(): Buffer {
	const directory = partitionDirectory(dir.path, 0 as Partition);
	const name = readdirSync(directory).find((one) => one.startsWith("ledger")) as string;
	return readFileSync(join(directory, name));
}

const ledgerText = () => ledgerBytes().toString("latin1");

const files = () => dir.sessionFiles(0);

it.each(["process", "power"] as const)(
	"is there without a file after its owner died, with all that it was made with (%s)",
	async (durability) => {
		const made = ids.map((one) => meta(one, { metadataJson: '{"a":"ä"}', mode: "tree" }));
		const first = await openStore({ durability });
		for (const one of made) await first.commit([{ op: "put_session", meta: one }]);
		expect(files()).toEqual([]);
		const next = await openStore({ durability });
		expect(await listed(next)).toEqual([...ids].sort());
		for (const one of made) expect(await next.session(one.id)).toEqual(one);
		for (const one of ids) expect(await next.headers(one)).toEqual([]);
	},
);

it("gets its file with its first turn, and from then on the file counts", async () => {
	const first = await openStore();
	await first.commit([putSession(id)]);
	await first.commit([append(id, 0, { reply: [bytes(900)] }), putSession(id, { turnCount: 1 })]);
	expect(dir.sessionFiles(0)).toHaveLength(1);
	const next = await openStore();
	expect((await next.session(id))?.turnCount).toBe(1);
	expect(await next.headers(id)).toEqual([header(0)]);
	await next.commit([append(id, 1), putSession(id, { turnCount: 2 })]);
	// The ledger of its own that an owner begins says nothing of a session that has a file of that owner's.
	await next.commit([bury(other)]);
	expect(ledgerText()).toContain(other);
	expect(ledgerText()).not.toContain(id);
	const last = await openStore();
	expect(await last.headers(id)).toHaveLength(2);
	expect(await listed(last)).toEqual([id]);
});

it("gets its file with a change of its record, and with an obligation", async () => {
	const first = await openStore();
	await first.commit([putSession(id)]);
	await first.commit([putSession(other)]);
	await first.commit([putSession(id, { expiresAt: 4_000_000_000 })]);
	await first.commit([{ op: "put_obligation", session: other, resource: "dir", handleJson: "1" }]);
	expect(dir.sessionFiles(0)).toHaveLength(2);
	const next = await openStore();
	expect((await next.session(id))?.expiresAt).toBe(4_000_000_000);
	expect(await next.obligationsOf(other)).toMatchObject([{ resource: "dir" }]);
});

it("is deleted for good, and may be made again", async () => {
	const first = await openStore();
	await first.commit([putSession(id)]);
	await first.commit([bury(id)]);
	await first.commit([putSession(other)]);
	await first.commit([bury(other)]);
	await first.commit([putSession(other, { tokenCount: 7 })]);
	expect(dir.sessionFiles(0)).toEqual([]);
	const next = await openStore();
	expect(await next.session(id)).toBeUndefined();
	expect(await next.tombstone(id)).toMatchObject({ reason: "deleted" });
	expect((await next.session(other))?.tokenCount).toBe(7);
	expect(await next.tombstone(other)).toBeUndefined();
	expect(await listed(next)).toEqual([other]);
});

it("counts instead of a file of the session that had its id before and could not be removed", async () => {
	const first = await openStore();
	for (const one of ids) {
		await first.commit([putSession(one)]);
		await first.commit([append(one, 0), putSession(one, { turnCount: 1 })]);
	}
	const left = dir.sessionFiles(0).map((path) => [path, join(dir.path, path.split("/").at(-1) as string)]);
	for (const [path, kept] of left) renameSync(path as string, kept as string);
	for (const one of ids) await first.commit([bury(one), putSession(one)]);
	for (const [path, kept] of left) renameSync(kept as string, path as string);
	const reader = await openDiskReader({ dataDir: dir.path, onPartitionRefused: () => undefined });
	expect(await listed(reader)).toEqual([...ids].sort());
	for (const one of ids) expect(await reader.headers(one)).toEqual([]);
	await reader.close();
	const next = await openStore();
	expect(await listed(next)).toEqual([...ids].sort());
	for (const one of ids) expect(await next.headers(one)).toEqual([]);
	expect(dir.sessionFiles(0)).toEqual([]);
});

it("is there when a former owner takes its file back, whether the new one has read that or not", async () => {
	const first = await openStore();
	for (const one of ids) await first.commit([putSession(one, { tokenCount: 3 })]);
	const late = await openStore();
	for (const one of ids) await late.commit([append(one, 0), putSession(one, { turnCount: 1 })]);
	const unread = await openStore();
	const read = await openStore();
	for (const one of ids) expect(await read.headers(one)).toEqual([header(0)]);
	// A record of its own, and a ledger with it.
	const more = sid("00dd".padEnd(32, "0"));
	await read.commit([putSession(more)]);
	for (const path of dir.sessionFiles(0)) rmSync(path);
	for (const one of ids) expect((await unread.session(one))?.tokenCount).toBe(3);
	const next = await openStore();
	for (const one of ids) expect((await next.session(one))?.tokenCount).toBe(3);
	expect(await listed(next)).toEqual([...ids, more].sort());
	await next.commit([append(id, 0), putSession(id, { turnCount: 1 })]);
	expect(await next.headers(id)).toEqual([header(0)]);
});

it("is seen by a reader beside its owner, before and after its first turn", async () => {
	const store = await openStore();
	const reader = await openDiskReader({ dataDir: dir.path, onPartitionRefused: () => undefined });
	try {
		for (const one of ids) await store.commit([putSession(one, { tokenCount: 5 })]);
		expect(await listed(reader)).toEqual([...ids].sort());
		expect((await reader.session(id))?.tokenCount).toBe(5);
		expect(await reader.headers(id)).toEqual([]);
		expect(await reader.tombstone(id)).toBeUndefined();
		await store.commit([append(id, 0), putSession(id, { turnCount: 1 })]);
		expect((await reader.session(id))?.turnCount).toBe(1);
		expect(await reader.headers(id)).toEqual([header(0)]);
		expect(await listed(reader)).toEqual([...ids].sort());
		await store.commit([bury(other)]);
		expect(await reader.session(other)).toBeUndefined();
	} finally {
		await reader.close();
	}
});

it("has a file at once when it was made with much", async () => {
	const store = await openStore();
	const metadataJson = JSON.stringify({ text: "x".repeat(4000) });
	await store.commit([putSession(id, { metadataJson })]);
	expect(dir.sessionFiles(0)).toHaveLength(1);
	expect((await (await openStore()).session(id))?.metadataJson).toBe(metadataJson);
});

class FailingMedium extends Medium {
	failing: "nothing" | "flush" | "room" = "nothing";

	override *flush(fd: number): Steps<void> {
		if (this.failing === "flush") throw Object.assign(new Error("EIO"), { code: "EIO" });
		yield* super.flush(fd);
	}

	override *write(fd: number, bytes: Uint8Array, at: number): Steps<void> {
		// What is written ahead are zeros, and nothing else is so long.
		if (this.failing === "room" && bytes.length > 4096) throw Object.assign(new Error(), { code: "ENOSPC" });
		yield* super.write(fd, bytes, at);
	}
}

/** Later than all that the data dir gives out. */
const LATE = Number.MAX_SAFE_INTEGER - 1;

async function withLedger(
	work: (ledger: Ledger, medium: FailingMedium, roomsAsked: () => number) => Promise<void>,
	durable = true,
) {
	const directory = partitionDirectory(dir.path, 0 as Partition);
	await (await openStore()).close();
	for (const name of readdirSync(directory)) if (name.startsWith("ledger")) rmSync(join(directory, name));
	const medium = new FailingMedium();
	const owner = await run(Owner.take(directory, 0 as Partition, LATE, 7, medium));
	let [number, rooms] = [0, 0];
	const ledger = new Ledger(
		{
			...{ medium, directory, owner, partition: 0 as Partition, epoch: LATE, durable, bootTag: 7 },
			nextNumber: () => ++number,
			makeRoom: () => ++rooms > 1_000_000,
		},
		{ records: new Map(), bytes: 0 },
		[],
	);
	try {
		await work(ledger, medium, () => rooms);
	} finally {
		ledger.close();
		owner.close();
	}
}

const newRecord = (one: string) => ({
	...{ id: sid(one), order: 1, tombstone: null, owed: [] },
	session: JSON.stringify([{ o: "record", meta: meta(sid(one)) }]),
});
const burial = (one: string) => ({
	...{ id: sid(one), order: 2, owed: [] },
	tombstone: { id: sid(one), reason: "deleted" as const, at: 1 },
});

it("whose flush fails was never made: nobody finds it later", async () => {
	await withLedger(async (ledger, medium) => {
		await ledger.append(newRecord("00ee"));
		medium.failing = "flush";
		await expect((async () => ledger.append(newRecord("00ff")))()).rejects.toMatchObject({ code: "EIO" });
	});
	expect(await listed(await openStore({ epoch: LATE + 1 }))).toEqual(["00ee"]);
});

it("takes nothing of the room that is kept for burials on a full medium", async () => {
	await withLedger(async (ledger, medium, roomsAsked) => {
		await ledger.append(newRecord("00ee"));
		medium.failing = "room";
		let made = 0;
		const fill = async () => {
			for (;;) {
				await ledger.append(newRecord(`00${made}`));
				made++;
			}
		};
		await expect(fill()).rejects.toMatchObject({ code: "ENOSPC" });
		expect([made > 5, roomsAsked()]).toEqual([true, 0]);
		for (let buried = 0; buried < 20; buried++) await ledger.append(burial(`00${buried}`));
		expect(roomsAsked()).toBe(0);
	});
});

it("is known to be on the medium once its ledger was flushed, as at a close", async () => {
	const slot = () => newestSlot(ledgerBytes(), seedOf(ledgerBytes()))?.slot;
	await withLedger(async (ledger) => {
		await ledger.append(newRecord("00ee"));
		await ledger.append(newRecord("00ff"));
		const before = slot();
		expect(before?.flushed).toBeLessThan(before?.length ?? 0);
		await ledger.flush();
		expect(slot()).toMatchObject({ length: before?.length, flushed: before?.length });
	}, false);
	const store = await dir.open({ epoch: LATE + 1, bootId: "the next boot" });
	await store.commit([putSession(id)]);
	await store.commit([putSession(other)]);
	expect(await listed(store)).toEqual([id, other, "00ee", "00ff"].sort());
	await store.close();
	expect(slot()?.flushed).toBe(slot()?.length);
});
