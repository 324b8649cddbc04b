// The file that a session's turns are appended to: how it grows, who may write it, and when it goes.
import { appendFile, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import { planCommit } from "../../src/store/plan/commit-plan.js";
import type { Store } from "../../src/store/store.js";
import { createLmdbDir, type LmdbDir } from "../support/lmdb-dir.js";
import { append, bury, bytes, putSession, sid, tid } from "./values.js";

let dataDir: LmdbDir;
let open: Store[] = [];
beforeEach(async () => {
	dataDir = await createLmdbDir();
});
afterEach(async () => {
	for (const store of open) await store.close();
	open = [];
	await dataDir.remove();
});

/** Both in partition 0. */
const [one, two] = [sid(`00${"a".repeat(30)}`), sid(`00${"b".repeat(30)}`)];
const files = () => join(dataDir.path, "blobs", "00");
const reply = (turn: number, length = 20_000) => ({ reply: [bytes(length, turn)] });

async function openStore(): Promise<Store> {
	const store = await dataDir.open();
	open.push(store);
	return store;
}

async function expectReplies(store: Store, id: SessionId, turns: readonly number[]): Promise<void> {
	expect((await store.headers(id)).map((header) => header.id)).toEqual(turns.map(tid));
	for (const turn of turns) {
		expect((await store.part(id, tid(turn), "reply")).equals(bytes(20_000, turn))).toBe(true);
	}
}

describe("A session's pack", () => {
	it("takes up every turn, one behind the other, and goes with the session", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, reply(0))]);
		await store.commit([putSession(two), append(two, 0, reply(0))]);
		for (let turn = 1; turn < 5; turn++) await store.commit([append(one, turn, reply(turn))]);
		const [first, second, ...others] = await readdir(files());
		const sizes = [];
		for (const name of [first, second]) sizes.push((await stat(join(files(), name ?? ""))).size);
		expect(others).toEqual([]);
		expect(sizes.sort()).toEqual([100_000, 20_000]);
		await expectReplies(store, one, [0, 1, 2, 3, 4]);
		await expectReplies(store, two, [0]);
		await store.commit([bury(one)]);
		expect(await readdir(files())).toHaveLength(1);
		await expectReplies(store, two, [0]);
		await store.commit([bury(two)]);
		expect(await readdir(files())).toEqual([]);
	});

	it("of a former owner is read and never written: that one may not be quite dead", async () => {
		const first = await openStore();
		await first.commit([putSession(one), append(one, 0, reply(0))]);
		const [former] = await readdir(files());
		const path = join(files(), former ?? "");
		await first.close();
		// The last breath of the former owner, behind the end that its last commit knew.
		await appendFile(path, bytes(30_000, 99));
		const before = await readFile(path);
		const second = await openStore();
		await second.commit([append(one, 1, reply(1))]);
		await second.commit([append(one, 2, reply(2))]);
		expect(await readdir(files())).toHaveLength(2);
		expect((await readFile(path)).equals(before)).toBe(true);
		await expectReplies(second, one, [0, 1, 2]);
		await second.commit([bury(one)]);
		expect(await readdir(files())).toEqual([]);
	});

	it("writes over what a commit left there that never happened", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, reply(0))]);
		const [name] = await readdir(files());
		await appendFile(join(files(), name ?? ""), bytes(50_000, 99));
		await store.commit([append(one, 1, reply(1))]);
		expect((await stat(join(files(), name ?? ""))).size).toBe(70_000);
		await expectReplies(store, one, [0, 1]);
	});

	it("keeps the bytes of a dropped turn, which are not written over, until its last turn is dropped", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, reply(0))]);
		await store.commit([append(one, 1, reply(1))]);
		await store.commit([append(one, 2, reply(2)), { op: "drop_turn", session: one, turn: tid(1) }]);
		await expectReplies(store, one, [0, 2]);
		const [name] = await readdir(files());
		expect((await stat(join(files(), name ?? ""))).size).toBe(60_000);
		await store.commit([
			{ op: "drop_turn", session: one, turn: tid(0) },
			{ op: "drop_turn", session: one, turn: tid(2) },
		]);
		expect(await readdir(files())).toEqual([]);
		await store.commit([append(one, 3, reply(3))]);
		await expectReplies(store, one, [3]);
		expect(await readdir(files())).not.toEqual([name]);
	});

	it("that one commit begins and gives up again is never written", async () => {
		const store = await openStore();
		await store.commit([
			putSession(one),
			append(one, 0, reply(0)),
			{ op: "drop_turn", session: one, turn: tid(0) },
		]);
		expect(await readdir(files())).toEqual([]);
		await store.commit([putSession(one), append(one, 0, reply(0)), bury(one)]);
		expect(await readdir(files())).toEqual([]);
		expect(await store.session(one)).toBeUndefined();
	});

	it("of a session that is made anew in the commit that buries the old one is another file", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, reply(0))]);
		const before = await readdir(files());
		await store.commit([bury(one), putSession(one), append(one, 0, reply(7))]);
		const behind = await readdir(files());
		expect(behind).toHaveLength(1);
		expect(behind).not.toEqual(before);
		expect((await store.part(one, tid(0), "reply")).equals(bytes(20_000, 7))).toBe(true);
	});

	it("is written by many sessions at once, with more packs than may stay open", async () => {
		const store = await openStore();
		const ids = Array.from({ length: 300 }, (_, index) => sid(`s${index}`));
		await Promise.all(ids.map((id) => store.commit([putSession(id), append(id, 0, reply(0))])));
		await Promise.all(ids.map((id) => store.commit([append(id, 1, reply(1))])));
		for (const id of ids) await expectReplies(store, id, [0, 1]);
	});

	it("is counted in the size of the store, and no longer when it is gone", async () => {
		const store = await openStore();
		const empty = await store.sizeBytes();
		await store.commit([putSession(one), append(one, 0, reply(0, 900_000))]);
		await store.commit([append(one, 1, reply(1, 900_000))]);
		expect((await store.sizeBytes()) - empty).toBeGreaterThan(1_800_000);
		await store.close();
		const again = await openStore();
		expect((await again.sizeBytes()) - empty).toBeGreaterThan(1_800_000);
		await again.commit([bury(one)]);
		expect((await again.sizeBytes()) - empty).toBeLessThan(900_000);
	});

	it("is given back in the size of the store by the commit that adds to it and drops its last turn", async () => {
		const store = await openStore();
		const empty = await store.sizeBytes();
		await store.commit([putSession(one), append(one, 0, reply(0, 900_000))]);
		await store.commit([
			append(one, 1, reply(1, 900_000)),
			{ op: "drop_turn", session: one, turn: tid(0) },
			{ op: "drop_turn", session: one, turn: tid(1) },
		]);
		expect(await readdir(files())).toEqual([]);
		expect(await store.sizeBytes()).toBeGreaterThanOrEqual(empty);
	});

	it("is read on when the file that its turn's payload was in is given up meanwhile", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, { ...reply(0), "payload:0": [bytes(100_000)] })]);
		const found: Buffer[] = [];
		for await (const piece of store.streamPart(one, tid(0), "reply", [Buffer.alloc(6000)])) {
			found.push(Buffer.from(piece));
			if (found.length > 1) continue;
			await store.commit([{ op: "drop_part", session: one, turn: tid(0), part: "payload:0" }]);
		}
		expect(await readdir(files())).toHaveLength(1);
		expect(Buffer.concat(found).equals(bytes(20_000, 0))).toBe(true);
	});

	for (const [what, harm] of [
		["cut", (path: string) => truncate(path, 5000)],
		["removed", (path: string) => rm(path)],
	] as const) {
		it(`that was ${what} from outside is not appended to: the turns before would read as zeros, or be lost`, async () => {
			const store = await openStore();
			await store.commit([putSession(one), append(one, 0, reply(0))]);
			const [name] = await readdir(files());
			await harm(join(files(), name ?? ""));
			await expect(store.commit([append(one, 1, reply(1))])).rejects.toThrow(/stored bytes are missing/);
			expect(await store.headers(one)).toHaveLength(1);
			await store.commit([bury(one)]);
			expect(await readdir(files())).toEqual([]);
		});
	}

	it("that is gone from the disk is said to be missing", async () => {
		const first = await openStore();
		await first.commit([putSession(one), append(one, 0, reply(0))]);
		await first.close();
		const [name] = await readdir(files());
		await rm(join(files(), name ?? ""));
		const store = await openStore();
		await expect(store.part(one, tid(0), "reply")).rejects.toThrow(/stored bytes are missing/);
		await store.commit([bury(one)]);
		expect(await store.session(one)).toBeUndefined();
	});

	it("goes on where its last commit ended when one came between that did not happen", () => {
		const stored = new Map<string, Buffer>();
		const plan = (...ops: Parameters<typeof planCommit>[1]) =>
			planCommit(one, ops, {
				stored: { get: (key) => stored.get(key.toString("hex")), keys: () => [], scan: () => undefined },
				tombstoneOrder: 1,
				newBlobName: () => "own-1",
				isOwnBlob: (name) => name.startsWith("own-"),
				shared: () => 0,
			});
		const first = plan(putSession(one), append(one, 0, reply(0)));
		expect(first.packed).toMatchObject([{ name: "own-1", offset: 0, created: true }]);
		for (const { key, value } of first.changes) {
			if (value !== null) stored.set(key.toString("hex"), value);
		}
		const failed = plan(append(one, 1, reply(1)));
		const again = plan(append(one, 1, reply(1)));
		expect(failed.packed).toMatchObject([{ name: "own-1", offset: 20_000, created: false }]);
		expect(again.packed).toEqual(failed.packed);
	});
});

describe("Records of the release before packs", () => {
	it("are read, and appended to", async () => {
		const first = await openStore();
		await first.commit([putSession(one), append(one, 0, { reply: [bytes(2000)] })]);
		await first.close();
		const file = join(dataDir.path, "partitions", "00.mdb");
		const content = await readFile(file, "latin1");
		expect(content).toContain('"version":2,"kind":"turn"');
		await writeFile(file, content.replaceAll('"version":2,', '"version":1,'), "latin1");
		const store = await openStore();
		expect((await store.part(one, tid(0), "reply")).equals(bytes(2000))).toBe(true);
		await store.commit([append(one, 1, reply(1))]);
		expect(await store.headers(one)).toHaveLength(2);
	});
});
