// A data dir read by a second opener: the same answers, no change to any file, also where the newest state is in doubt.
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { partitionOf } from "../../src/base/partitions.js";
import { bootId } from "../../src/data-dir/boot-id.js";
import { partitionStem } from "../../src/data-dir/data-dir.js";
import { needsFallback } from "../../src/store/lmdb/file.js";
import { openLmdbReader } from "../../src/store/lmdb/reader.js";
import type { ReadableStore } from "../../src/store/store.js";
import { createLmdbDir, type LmdbDir } from "../support/lmdb-dir.js";
import { append, header, meta, sid, tid } from "./values.js";

const ID = sid("a-session");
const SMALL = Buffer.from("small");
const LARGE = Buffer.alloc(100_000, 7);

let dir: LmdbDir;
let refusals: string[];
let store: ReadableStore | null;
beforeEach(async () => {
	dir = await createLmdbDir();
	refusals = [];
	store = null;
	const written = await dir.open();
	await written.commit([
		{ op: "put_session", meta: meta(ID, { turnCount: 1 }) },
		append(ID, 0, { prompt: [SMALL], "payload:0": [LARGE] }),
	]);
	await written.commit([{ op: "bury", tombstone: { id: sid("gone"), reason: "expired", at: 5 } }]);
	await written.close();
});
afterEach(async () => {
	await store?.close();
	await dir.remove();
});

async function open(): Promise<ReadableStore> {
	store = await openLmdbReader({
		dataDir: dir.path,
		onPartitionRefused: (_partition, reason) => void refusals.push(reason),
	});
	return store;
}

const file = () => `${partitionStem(dir.path, partitionOf(ID))}.mdb`;
const contents = () =>
	readdirSync(dir.path, { recursive: true, encoding: "utf8", withFileTypes: true })
		.filter((entry) => entry.isFile() && !entry.name.endsWith("-lock"))
		.map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name)).toString("base64")]);

async function expectWhole(reader: ReadableStore): Promise<void> {
	const ids: string[] = [];
	for await (const { id } of reader.sessions()) ids.push(id);
	expect(ids).toEqual([ID]);
	expect(await reader.session(ID)).toEqual(meta(ID, { turnCount: 1 }));
	expect(await reader.headers(ID)).toEqual([header(0)]);
	expect(await reader.part(ID, tid(0), "prompt")).toEqual(SMALL);
	expect((await reader.part(ID, tid(0), "payload:0")).equals(LARGE)).toBe(true);
	expect(await reader.partLength(ID, tid(0), "payload:0")).toBe(LARGE.length);
	expect(await reader.tombstone(sid("gone"))).toEqual({ id: "gone", reason: "expired", at: 5 });
}

it("reads what was committed, and changes no file", async () => {
	const before = contents();
	const reader = await open();
	await expectWhole(reader);
	await reader.close();
	store = null;
	expect(contents()).toEqual(before);
	expect(refusals).toEqual([]);
});

/** Makes the newest state look as a machine that lost its power left it: unflushed, of another boot. */
function powerLoss(): void {
	const bytes = readFileSync(file());
	// Behind a page header of 16 or 24 bytes: page size at 24, flags at 28, transaction at 128, boot id at 136.
	const magic = [16, 24].find((at) => bytes.readUInt32LE(at) === 0xbeefc0de) ?? 0;
	const pageSize = bytes.readUInt32LE(magic + 24);
	const newest = [0, pageSize].sort((a, b) =>
		Number(bytes.readBigUInt64LE(b + magic + 128) - bytes.readBigUInt64LE(a + magic + 128)),
	)[0] as number;
	const transaction = bytes.readBigUInt64LE(newest + magic + 128);
	bytes.writeUInt16LE(bytes.readUInt16LE(newest + magic + 28) | 0x1000, newest + magic + 28);
	bytes.writeBigUInt64LE(1n, newest + magic + 136);
	// The flushed state, kept in the middle of the first page, is one transaction behind.
	const other = newest === 0 ? pageSize : 0;
	bytes.copy(bytes, pageSize / 2, other, other + magic + 144);
	expect(bytes.readBigUInt64LE(pageSize / 2 + magic + 128)).toBe(transaction - 1n);
	writeFileSync(file(), bytes);
}

it("a state of another boot that was not flushed is read from a copy that falls back, as an owner would", async () => {
	expect(needsFallback(file(), bootId())).toBe(false);
	powerLoss();
	expect(needsFallback(file(), bootId())).toBe(true);
	const before = contents();
	const reader = await open();
	const seen = await reader.session(ID);
	await reader.close();
	store = null;
	expect(contents()).toEqual(before);
	expect(refusals).toEqual([]);
	// The newest transaction, which made the session, is the one in doubt. The owner falls back to the same state.
	expect(seen).toBeUndefined();
	const owner = await dir.open();
	expect(seen).toEqual(await owner.session(ID));
	await owner.close();
});

it("pages that only an unflushed state of another boot needs may be missing: the owner falls back to the flushed one", async () => {
	const owner = await dir.open();
	await owner.commit([append(ID, 1, { prompt: [Buffer.alloc(12_000, 5)] })]);
	await owner.close();
	powerLoss();
	const bytes = readFileSync(file());
	const flushed = bytes.indexOf(Buffer.of(0xde, 0xc0, 0xef, 0xbe), 1024);
	const neededPages = Number(bytes.readBigUInt64LE(flushed + 120)) + 1;
	expect(neededPages * 4096).toBeLessThan(bytes.length);
	truncateSync(file(), neededPages * 4096);
	const again = await dir.open();
	expect(await again.headers(ID)).toEqual([header(0)]);
	expect(await again.part(ID, tid(0), "prompt")).toEqual(SMALL);
	await again.commit([append(ID, 1, { prompt: [SMALL] })]);
	await again.close();
});

it("a cut file is refused with its remedy, the other partitions are read", async () => {
	truncateSync(file(), 8192);
	const reader = await open();
	expect(refusals).toEqual([expect.stringMatching(/can't be served: .*restore the data dir from a copy/)]);
	await expect(reader.session(ID)).rejects.toMatchObject({ code: "partition_refused" });
	expect(await reader.tombstone(sid("gone"))).toMatchObject({ reason: "expired" });
});

it("a partition that nobody was told of anything in holds nothing", async () => {
	rmSync(file().replace(/mdb$/, "created"));
	const reader = await open();
	expect([await reader.session(ID), await reader.headers(ID), refusals]).toEqual([undefined, [], []]);
});
