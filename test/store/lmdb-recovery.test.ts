// What a new owner of a data dir finds: restarts, other numbers of workers, epochs, damaged files.
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { type DataDir, prepareDataDir } from "../../src/data-dir/data-dir.js";
import { type LmdbStoreOptions, openLmdbStore } from "../../src/store/lmdb/store.js";
import type { Store } from "../../src/store/store.js";
import { append, bury, bytes, liveIds, putSession, sha256, sid, streamed, tid } from "./values.js";

let dataDir: DataDir;
let open: Store[] = [];
beforeEach(async () => {
	dataDir = await prepareDataDir(await mkdtemp(join(tmpdir(), "rollpin-recovery-")));
});
afterEach(async () => {
	for (const store of open) await store.close();
	open = [];
	await dataDir.release();
	await rm(dataDir.path, { recursive: true, force: true });
});

async function openStore(changes: Partial<LmdbStoreOptions> = {}): Promise<Store> {
	const store = await openLmdbStore({
		dataDir: dataDir.path,
		workerIndex: 0 as WorkerIndex,
		partitions: new PartitionMap(1),
		durability: "process",
		tombstones: 5,
		epoch: await dataDir.nextEpoch(),
		...changes,
	});
	open.push(store);
	return store;
}

describe("A new owner of a data dir", () => {
	it("finds every session, also with another number of workers", async () => {
		const ids = Array.from({ length: 40 }, (_, index) => sid(`s${index}`));
		const first = await openStore();
		for (const [index, id] of ids.entries()) {
			await first.commit([
				putSession(id),
				append(id, 0, { prompt: [bytes(9, index)], reply: [bytes(40_000, index)] }),
			]);
		}
		await first.close();
		for (const workerCount of [3, 64, 1]) {
			const partitions = new PartitionMap(workerCount);
			for (let worker = 0; worker < workerCount; worker++) {
				const store = await openStore({ workerIndex: worker as WorkerIndex, partitions });
				const own = ids.filter((id) => partitions.workerOf(id) === worker);
				expect(await liveIds(store)).toEqual([...own].sort());
				for (const id of own) {
					const index = ids.indexOf(id);
					expect(await store.part(id, tid(0), "prompt")).toEqual(bytes(9, index));
					expect(sha256(await streamed(store, id, 0, "reply"))).toBe(sha256([bytes(40_000, index)]));
				}
				await store.close();
			}
		}
	});

	it("refuses ids that belong to another worker", async () => {
		const store = await openStore({ partitions: new PartitionMap(2) });
		const foreign = sid(`01${"0".repeat(30)}`);
		await expect(store.session(foreign)).rejects.toMatchObject({ code: "internal" });
		await expect(store.commit([putSession(foreign)])).rejects.toThrow(/belongs to worker 1/);
	});

	it("keeps the most recent tombstones of all its partitions, in the order of burying", async () => {
		const first = await openStore();
		for (let index = 0; index < 9; index++) await first.commit([bury(sid(`t${index}`), -index)]);
		await first.close();
		const second = await openStore({ tombstones: 3 });
		expect(await second.tombstone(sid("t5"))).toBeUndefined();
		expect(await second.tombstone(sid("t6"))).toEqual({ id: "t6", reason: "deleted", at: -6 });
		await second.commit([bury(sid("t9"))]);
		expect(await second.tombstone(sid("t6"))).toBeUndefined();
		await second.close();
		const third = await openStore({ tombstones: 3 });
		for (const id of ["t7", "t8", "t9"]) expect(await third.tombstone(sid(id))).toBeDefined();
	});

	it("refuses an epoch that isn't newer than its predecessor's", async () => {
		const epoch = await dataDir.nextEpoch();
		await (await openStore({ epoch })).close();
		for (const stale of [epoch, epoch - 1]) {
			await expect(openStore({ epoch: stale })).rejects.toMatchObject({ code: "session_state_conflict" });
		}
		await (await openStore({ epoch: epoch + 1 })).close();
	});

	it("refuses appends with 507 when the reserve would be touched, reads on, and takes them again later", async () => {
		const first = await openStore();
		const id = sid("full");
		await first.commit([putSession(id), append(id, 0, { reply: [bytes(40_000)] })]);
		await first.close();
		const full = await openStore({ reserveBytes: Number.MAX_SAFE_INTEGER });
		for (const op of [append(id, 1, { reply: [bytes(10)] }), append(id, 1, { reply: [bytes(40_000)] })]) {
			await expect(full.commit([op])).rejects.toMatchObject({ code: "store_full", status: 507 });
		}
		expect(await full.headers(id)).toHaveLength(1);
		expect((await full.part(id, tid(0), "reply")).length).toBe(40_000);
		await full.close();
		const again = await openStore();
		await again.commit([append(id, 1, { reply: [bytes(40_000)] })]);
		expect(await again.headers(id)).toHaveLength(2);
	});

	it("removes files that no turn names, and only those", async () => {
		const first = await openStore();
		const id = sid(`00${"a".repeat(30)}`);
		await first.commit([putSession(id), append(id, 0, { reply: [bytes(40_000)] })]);
		await first.close();
		const blobs = join(dataDir.path, "blobs", "00");
		await writeFile(join(blobs, "left-behind"), "x");
		const second = await openStore();
		expect(await readdir(blobs)).toHaveLength(1);
		expect((await second.part(id, tid(0), "reply")).length).toBe(40_000);
		await second.commit([bury(id)]);
		expect(await readdir(blobs)).toEqual([]);
	});

	it("reads ten thousand sessions' metas in well under a second", async () => {
		const first = await openStore();
		for (let from = 0; from < 10_000; from += 500) {
			const some = Array.from({ length: 500 }, (_, index) => sid(`m${from + index}`));
			await Promise.all(some.map((id) => first.commit([putSession(id)])));
		}
		await first.close();
		const second = await openStore();
		const startMs = performance.now();
		expect(await liveIds(second)).toHaveLength(10_000);
		expect(performance.now() - startMs).toBeLessThan(1000);
	});
});

const lost = sid(`00${"b".repeat(30)}`);
const kept = sid(`01${"b".repeat(30)}`);

describe("A partition whose file is damaged", () => {
	async function damageAndReopen(damage: (file: string) => Promise<void>): Promise<[Store, string[]]> {
		const first = await openStore();
		for (const id of [lost, kept]) {
			await first.commit([putSession(id)]);
			for (let turn = 0; turn < 40; turn++) await first.commit([append(id, turn, { reply: [bytes(8000)] })]);
		}
		await first.close();
		await damage(join(dataDir.path, "partitions", "00.mdb"));
		const reasons: string[] = [];
		const store = await openStore({
			onPartitionRefused: (partition, reason) => reasons.push(`${partition}: ${reason}`),
		});
		return [store, reasons];
	}

	for (const [what, damage] of [
		["removed", (file: string) => rm(file)],
		["emptied", (file: string) => truncate(file, 0)],
		["cut to a few bytes", (file: string) => truncate(file, 100)],
		["cut to its first page", (file: string) => truncate(file, 4096)],
		["cut in the middle", async (file: string) => truncate(file, Math.floor((await stat(file)).size / 2))],
		["cut by a page", async (file: string) => truncate(file, (await stat(file)).size - 4096)],
		["overwritten by other data", (file: string) => writeFile(file, bytes(400_000))],
	] as const) {
		it(`refuses with the remedy in the log when it was ${what}, while others serve`, async () => {
			const [store, reasons] = await damageAndReopen(damage);
			expect(reasons).toHaveLength(1);
			expect(reasons[0]).toMatch(/^0: .*00\.mdb can't be served: .*; restore the data dir from a copy/);
			for (const attempt of [
				store.session(lost),
				store.headers(lost),
				store.part(lost, tid(0), "reply"),
				store.commit([putSession(lost)]),
				store.tombstone(lost),
			]) {
				await expect(attempt).rejects.toMatchObject({ code: "partition_refused", status: 503 });
			}
			expect(await store.headers(kept)).toHaveLength(40);
			await store.commit([append(kept, 40)]);
			expect(await liveIds(store)).toEqual([kept]);
			expect(await store.sizeBytes()).toBeGreaterThan(0);
		});
	}
});

describe("A partition with a record that cannot be read", () => {
	const unknown = '"version":9';
	const at = (kind: string) => `"version":2,"kind":"${kind}"`;

	/** Overwrites text in the file of partition 0 by text of the same length. */
	async function rewrite(from: string, to: string): Promise<void> {
		const file = join(dataDir.path, "partitions", "00.mdb");
		const content = await readFile(file, "latin1");
		expect(to).toHaveLength(from.length);
		expect(content).toContain(from);
		await writeFile(file, content.replaceAll(from, to), "latin1");
	}

	async function reopenAfter(change: () => Promise<void>): Promise<[Store, string[]]> {
		const first = await openStore();
		for (const id of [lost, kept]) {
			await first.commit([putSession(id), append(id, 0, { reply: [bytes(40_000)] })]);
		}
		await first.commit([bury(sid(`00${"c".repeat(30)}`))]);
		await first.close();
		await change();
		const reasons: string[] = [];
		const store = await openStore({
			onPartitionRefused: (partition, reason) => reasons.push(`${partition}: ${reason}`),
		});
		return [store, reasons];
	}

	for (const kind of ["session", "tombstone", "blob"]) {
		it(`refuses from the start when a ${kind} record has another version, while others serve`, async () => {
			const [store, reasons] = await reopenAfter(() => rewrite(at(kind), `${unknown},"kind":"${kind}"`));
			expect(await liveIds(store)).toEqual([kept]);
			expect(reasons).toEqual([
				expect.stringMatching(
					new RegExp(
						`^0: .*00\\.mdb can't be served: a stored ${kind} record has version 9, .*start that one; restore`,
					),
				),
			]);
			for (const attempt of [() => store.session(lost), () => store.tombstone(lost)]) {
				await expect(attempt()).rejects.toMatchObject({ code: "partition_refused", status: 503 });
			}
			await store.commit([append(kept, 1)]);
			expect(await store.headers(kept)).toHaveLength(2);
		});
	}

	for (const [what, from, to] of [
		["of another version", at("turn"), `${unknown},"kind":"turn"`],
		["no JSON", at("turn"), `"version" 1,"kind":"turn"`],
	] as const) {
		it(`refuses once a turn record that is ${what} is read, and says so once`, async () => {
			const [store, reasons] = await reopenAfter(() => rewrite(from, to));
			expect(await liveIds(store)).toEqual([lost, kept]);
			expect(reasons).toEqual([]);
			for (const attempt of [
				() => store.headers(lost),
				() => store.tombstone(lost),
				() => store.part(lost, tid(0), "reply"),
				() => store.commit([bury(lost)]),
			]) {
				await expect(attempt()).rejects.toMatchObject({ code: "partition_refused", status: 503 });
			}
			expect(reasons).toEqual([
				expect.stringMatching(/^0: .*00\.mdb can't be served: a stored turn record /),
			]);
			expect(await store.headers(kept)).toHaveLength(1);
		});
	}

	it("refuses a session without its deadline, which would pass for an expired one", async () => {
		const [store, reasons] = await reopenAfter(() => rewrite('"expiresAt"', '"expiresBt"'));
		expect(await liveIds(store)).toEqual([kept]);
		expect(reasons).toHaveLength(1);
	});
});
