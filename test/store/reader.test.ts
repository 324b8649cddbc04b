// A data dir read by a second opener: the same answers, one moment of each session, no change to any file.
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { partitionOf } from "../../src/base/partitions.js";
import { ownerFile, partitionDirectory } from "../../src/store/disk/names.js";
import { type DiskReaderOptions, openDiskReader } from "../../src/store/disk/reader.js";
import type { ReadableStore, Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, header, meta, putSession, sid, tid } from "./values.js";

const ID = sid("a-session");
const GONE = sid("gone");
const SMALL = Buffer.from("small");
const LARGE = Buffer.alloc(100_000, 7);

let dir: DiskDir;
let refusals: string[];
let reader: ReadableStore | null;
let owner: Store | null;
beforeEach(async () => {
	dir = await createDiskDir();
	refusals = [];
	reader = null;
	owner = null;
	const written = await dir.open();
	await written.commit([
		{ op: "put_session", meta: meta(ID, { turnCount: 1 }) },
		append(ID, 0, { prompt: [SMALL], "payload:0": [LARGE] }),
	]);
	await written.commit([{ op: "bury", tombstone: { id: GONE, reason: "expired", at: 5 } }]);
	await written.close();
});
afterEach(async () => {
	await reader?.close();
	await owner?.close();
	await dir.remove();
});

async function open(changes: Partial<DiskReaderOptions> = {}): Promise<ReadableStore> {
	reader = await openDiskReader({
		dataDir: dir.path,
		onPartitionRefused: (_partition, reason) => void refusals.push(reason),
		...changes,
	});
	return reader;
}

const directory = (id = ID) => partitionDirectory(dir.path, partitionOf(id));
const file = () => dir.sessionFiles(partitionOf(ID))[0] ?? "";
const contents = () =>
	readdirSync(dir.path, { recursive: true, encoding: "utf8", withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name))
		.map((path) => [path, statSync(path).mtimeMs, readFileSync(path).toString("base64")]);

async function expectWhole(store: ReadableStore): Promise<void> {
	const ids: string[] = [];
	for await (const { id } of store.sessions()) ids.push(id);
	expect(ids).toEqual([ID]);
	expect(await store.session(ID)).toEqual(meta(ID, { turnCount: 1 }));
	expect(await store.headers(ID)).toEqual([header(0)]);
	expect(await store.part(ID, tid(0), "prompt")).toEqual(SMALL);
	expect((await store.part(ID, tid(0), "payload:0")).equals(LARGE)).toBe(true);
	expect(await store.partLength(ID, tid(0), "payload:0")).toBe(LARGE.length);
	expect(await store.tombstone(GONE)).toEqual({ id: "gone", reason: "expired", at: 5 });
	expect(await store.tombstone(ID)).toBeUndefined();
	expect(await store.session(sid("never"))).toBeUndefined();
}

it("reads what was committed, and changes no file", async () => {
	const before = contents();
	await expectWhole(await open());
	expect(contents()).toEqual(before);
	expect(refusals).toEqual([]);
});

it("reads a moment of each session, whatever its owner does meanwhile, until it looks again", async () => {
	const store = await open();
	expect((await store.session(ID))?.turnCount).toBe(1);
	owner = await dir.open();
	await owner.commit([append(ID, 1, { prompt: [bytes(9)] }), putSession(ID, { turnCount: 2 })]);
	expect(await store.headers(ID)).toEqual([header(0)]);
	expect((await store.session(ID))?.turnCount).toBe(2);
	expect(await store.headers(ID)).toEqual([header(0), header(1)]);
	// Written anew, in other files, and then removed.
	await owner.commit([append(ID, 2, { reply: [bytes(3_000_000)] })]);
	await owner.commit([{ op: "drop_turn", session: ID, turn: tid(2) }]);
	await owner.sizeBytes();
	expect(await store.headers(ID)).toEqual([header(0), header(1)]);
	expect((await store.part(ID, tid(0), "payload:0")).equals(LARGE)).toBe(true);
	expect((await store.session(ID))?.turnCount).toBe(2);
	expect((await store.part(ID, tid(0), "payload:0")).equals(LARGE)).toBe(true);
	await owner.commit([bury(ID)]);
	expect(await store.headers(ID)).toEqual([header(0), header(1)]);
	expect(await store.session(ID)).toBeUndefined();
	expect(await store.headers(ID)).toEqual([]);
	expect(await store.tombstone(ID)).toMatchObject({ reason: "deleted" });
	await owner.commit([putSession(ID, { turnCount: 7 })]);
	expect((await store.session(ID))?.turnCount).toBe(7);
	expect(await store.tombstone(ID)).toBeUndefined();
});

it("never sees half of a commit while its owner writes, writes anew and buries", async () => {
	owner = await dir.open();
	const writer = owner;
	let isOver = false;
	const renew = () => writer.commit([bury(ID), putSession(ID, { turnCount: 0 })]);
	await renew();
	const writing = (async () => {
		for (let round = 0; round < 12; round++) {
			await renew();
			for (let turn = 0; turn < 12; turn++) {
				await writer.commit([
					append(ID, turn, { reply: [bytes(200_000, turn)] }),
					putSession(ID, { turnCount: turn + 1, head: tid(turn) }),
				]);
				if (turn % 4 === 3)
					await writer.commit([{ op: "drop_part", session: ID, turn: tid(turn - 2), part: "reply" }]);
				await new Promise((resolve) => setImmediate(resolve));
			}
		}
		isOver = true;
	})();
	const store = await open();
	let looks = 0;
	while (!isOver) {
		const found = await store.session(ID);
		const headers = await store.headers(ID);
		expect(headers).toHaveLength(found?.turnCount ?? 0);
		const last = headers.at(-1)?.id;
		expect(last ?? null).toBe(found?.head ?? null);
		looks++;
		if (last !== undefined)
			expect((await store.part(ID, last, "reply")).equals(bytes(200_000, last))).toBe(true);
		await new Promise((resolve) => setImmediate(resolve));
	}
	await writing;
	expect(looks).toBeGreaterThan(20);
	expect(await store.headers(ID)).toBeDefined();
	expect((await store.session(ID))?.turnCount).toBe(12);
});

it("falls back as an owner would where a loss of power took the end, and leaves the file alone", async () => {
	const first = await dir.open();
	await first.commit([append(ID, 1, { prompt: [bytes(3000)] }), putSession(ID, { turnCount: 2 })]);
	const [older = "", newer = ""] = dir
		.sessionFiles(partitionOf(ID))
		.sort((left, right) => statSync(left).mtimeMs - statSync(right).mtimeMs);
	await first.commit([append(ID, 2, { prompt: [bytes(3000, 2)] }), putSession(ID, { turnCount: 3 })]);
	// As it is now, not flushed, but for its last sectors.
	const content = readFileSync(newer);
	await first.close();
	writeFileSync(newer, content.fill(0, content.length - 1000));
	expect(readFileSync(older).length).toBeGreaterThan(0);
	const before = contents();
	const store = await open({ bootId: "another" });
	expect((await store.session(ID))?.turnCount).toBe(2);
	expect(await store.headers(ID)).toEqual([header(0), header(1)]);
	expect(contents()).toEqual(before);
	await store.close();
	// Under the same boot nothing can be missing: then it is damage.
	await expect((await open()).part(ID, tid(2), "prompt")).rejects.toMatchObject({ code: "store_damaged" });
	const told: unknown[] = [];
	owner = await dir.open({
		bootId: "another",
		onSessionRolledBack: (id, lost) => told.push([id, lost > 3000]),
	});
	expect(await owner.headers(ID)).toEqual([header(0), header(1)]);
	expect(told).toEqual([[ID, true]]);
	await owner.commit([append(ID, 2, { prompt: [SMALL] })]);
	expect(await owner.headers(ID)).toHaveLength(3);
	expect(await owner.part(ID, tid(2), "prompt")).toEqual(SMALL);
});

it("a cut file is refused, the other sessions are read", async () => {
	truncateSync(file(), statSync(file()).size - 1);
	const store = await open();
	await expect(store.session(ID)).rejects.toMatchObject({ code: "store_damaged" });
	expect(await store.tombstone(GONE)).toMatchObject({ reason: "expired" });
	expect(refusals).toEqual([]);
});

it("a damaged ledger refuses its partition with the remedy, the others are read", async () => {
	const [name = ""] = readdirSync(directory(GONE)).filter((found) => found.startsWith("ledger."));
	truncateSync(join(directory(GONE), name), 100);
	const store = await open();
	expect(refusals).toEqual([expect.stringMatching(/can't be served: restore the data dir from a copy/)]);
	await expect(store.session(GONE)).rejects.toMatchObject({ code: "partition_refused" });
	await expect(store.tombstone(GONE)).rejects.toMatchObject({ code: "partition_refused" });
	expect(await store.headers(ID)).toEqual([header(0)]);
});

it("a partition that was never used holds nothing, one without its owner is refused", async () => {
	const store = await open();
	expect([await store.session(sid("never")), await store.headers(sid("never")), refusals]).toEqual([
		undefined,
		[],
		[],
	]);
	await store.close();
	rmSync(ownerFile(directory()));
	await open();
	expect(refusals).toHaveLength(1);
});
