// What a new owner of a data dir finds: restarts, other numbers of workers, epochs, a full medium, damaged partitions.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Partition, WorkerIndex } from "../../src/base/ids.js";
import { PARTITION_COUNT, PartitionMap } from "../../src/base/partitions.js";
import { checkDataDir } from "../../src/store/check/check-data-dir.js";
import type { Finding } from "../../src/store/check/finding.js";
import { ownerFile, partitionDirectory } from "../../src/store/disk/names.js";
import { openDiskReader } from "../../src/store/disk/reader.js";
import type { DiskStoreOptions } from "../../src/store/disk/store.js";
import type { Store, StoreOp } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, header, liveIds, putSession, sha256, sid, streamed, tid } from "./values.js";

let dir: DiskDir;
let open: Store[] = [];
beforeEach(async () => {
	dir = await createDiskDir(5);
});
afterEach(async () => {
	for (const store of open) await store.close();
	open = [];
	await dir.remove();
});

async function openStore(changes: Partial<DiskStoreOptions> = {}): Promise<Store> {
	const store = await dir.open(changes);
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
		const first = await openStore({ tombstones: 5 });
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

	it("finds what buried and live sessions owe, also after many burials", async () => {
		const owe = (id: string): StoreOp => ({
			op: "put_obligation",
			session: sid(id),
			resource: "box",
			handleJson: id,
		});
		const first = await openStore();
		for (const id of ["live", "ended"]) await first.commit([putSession(sid(id)), owe(id)]);
		await first.commit([bury(sid("ended"))]);
		// More than are kept as tombstones, and enough for a ledger that is written anew.
		for (let index = 0; index < 3000; index++)
			await first.commit([bury(sid(`00${`${index % 9}`.repeat(30)}`))]);
		await first.close();
		const ledgers = readdirSync(partitionDirectory(dir.path, 0 as Partition)).filter((name) =>
			name.startsWith("ledger"),
		);
		expect(ledgers).toHaveLength(1);
		expect(statSync(join(partitionDirectory(dir.path, 0 as Partition), ledgers[0] ?? "")).size).toBeLessThan(
			300_000,
		);
		for (let restarts = 0; restarts < 2; restarts++) {
			const store = await openStore();
			const found = [];
			for await (const { session, ended } of store.obligations()) found.push([session, ended]);
			expect(found.sort()).toEqual([
				["ended", true],
				["live", false],
			]);
			await store.commit([bury(sid(`again${restarts}`))]);
			await store.close();
		}
	});

	it("refuses an epoch that isn't newer than its predecessor's", async () => {
		const epoch = Date.now() + 1_000_000;
		await (await openStore({ epoch })).close();
		for (const stale of [epoch, epoch - 1]) {
			await expect(openStore({ epoch: stale })).rejects.toMatchObject({ code: "session_state_conflict" });
		}
		await (await openStore({ epoch: epoch + 1 })).close();
	});

	it("refuses appends with 507 when the reserve would be touched, reads on, buries, and takes them again later", async () => {
		const first = await openStore();
		const [id, other] = [sid("full"), sid("other")];
		await first.commit([putSession(id), append(id, 0, { reply: [bytes(40_000)] })]);
		await first.commit([putSession(other)]);
		await first.close();
		const full = await openStore({ reserveBytes: Number.MAX_SAFE_INTEGER });
		for (const op of [append(id, 1, { reply: [bytes(10)] }), append(id, 1, { reply: [bytes(40_000)] })]) {
			await expect(full.commit([op])).rejects.toMatchObject({ code: "store_full", status: 507 });
		}
		expect(await full.headers(id)).toHaveLength(1);
		expect((await full.part(id, tid(0), "reply")).length).toBe(40_000);
		await full.commit([bury(other)]);
		expect(await liveIds(full)).toEqual(["full"]);
		await full.close();
		const again = await openStore();
		await again.commit([append(id, 1, { reply: [bytes(40_000)] })]);
		expect(await again.headers(id)).toHaveLength(2);
	});

	it("reads the metas of ten thousand sessions, which takes little of the processor", async () => {
		const first = await openStore();
		for (let from = 0; from < 10_000; from += 500) {
			const some = Array.from({ length: 500 }, (_, index) => sid(`m${from + index}`));
			await Promise.all(some.map((id) => first.commit([putSession(id)])));
		}
		await first.close();
		const second = await openStore();
		const startedUs = process.cpuUsage();
		expect(await liveIds(second)).toHaveLength(10_000);
		const { user, system } = process.cpuUsage(startedUs);
		expect((user + system) / 1e6).toBeLessThan(5);
	});
});

const lost = sid(`00${"b".repeat(30)}`);
const kept = sid(`01${"b".repeat(30)}`);

describe("A partition whose owner or ledger is damaged", () => {
	const zero = sid(`00${"c".repeat(30)}`);
	const directory = () => partitionDirectory(dir.path, 0 as Partition);
	const owner = () => ownerFile(directory());
	const ledger = () => {
		const [name = ""] = readdirSync(directory()).filter((found) => found.startsWith("ledger."));
		return join(directory(), name);
	};
	const flip = (path: string, ...places: number[]) => {
		const content = readFileSync(path);
		for (const at of places) content.writeUInt8(content.readUInt8(at) ^ 1, at);
		writeFileSync(path, content);
	};

	const emptied = (path: string) => {
		rmSync(path, { recursive: true });
		mkdirSync(path);
	};

	for (const [what, damage] of [
		["owner was removed", () => rmSync(owner())],
		["owner was emptied", () => truncateSync(owner(), 0)],
		["owner was cut", () => truncateSync(owner(), 31)],
		["owner differs in a bit", () => flip(owner(), 9)],
		["owner was overwritten by other data", () => writeFileSync(owner(), bytes(400_000))],
		["directory was removed", () => rmSync(directory(), { recursive: true })],
		["directory was emptied", () => emptied(directory())],
		["sessions' directory was removed", () => rmSync(join(directory(), "sessions"), { recursive: true })],
		["owner's second half differs in a bit", () => flip(owner(), 50)],
		["ledger was removed", () => rmSync(ledger())],
		["ledger was emptied", () => truncateSync(ledger(), 0)],
		["ledger was cut to its head", () => truncateSync(ledger(), 640)],
		["ledger's head differs in a bit", () => flip(ledger(), 100)],
		["ledger's first frame differs in a bit", () => flip(ledger(), 700)],
		["ledger's slots differ in a bit", () => flip(ledger(), 520, 590)],
		["ledger was overwritten by other data", () => writeFileSync(ledger(), bytes(400_000))],
	] as const) {
		it(`refuses with the remedy in the log when its ${what}, while others serve`, async () => {
			const first = await openStore();
			for (const id of [lost, kept]) {
				await first.commit([putSession(id)]);
				for (let turn = 0; turn < 5; turn++) await first.commit([append(id, turn, { reply: [bytes(8000)] })]);
			}
			await first.commit([bury(zero)]);
			await first.close();
			damage();
			const reasons: string[] = [];
			const onPartitionRefused = (partition: number, reason: string) =>
				reasons.push(`${partition}: ${reason}`);
			const store = await openStore({ onPartitionRefused });
			expect(reasons).toEqual([
				expect.stringMatching(
					/^0: .*(damaged|gone).*, so the partition can't be served: restore the data dir from a copy/,
				),
			]);
			const beside: string[] = [];
			const reader = await openDiskReader({
				dataDir: dir.path,
				onPartitionRefused: (partition, reason) => beside.push(`${partition}: ${reason}`),
			});
			expect(beside).toEqual(reasons);
			await expect(reader.session(lost)).rejects.toMatchObject({ code: "partition_refused" });
			expect(await reader.headers(kept)).toHaveLength(5);
			await reader.close();
			const found: Finding[] = [];
			const check = { found: (one: Finding) => found.push(one), progress: () => undefined };
			expect(await checkDataDir(dir.path, check)).toMatchObject({ damagedPartitions: 1, damagedSessions: 0 });
			const [refused] = found.filter(({ partition }) => partition === 0);
			expect(`0: ${refused?.what}, so the partition can't be served: ${refused?.remedy}`).toBe(reasons[0]);
			for (const attempt of [
				() => store.session(lost),
				() => store.headers(lost),
				() => store.part(lost, tid(0), "reply"),
				() => store.commit([putSession(lost)]),
				() => store.commit([bury(lost)]),
				() => store.tombstone(lost),
				() => store.obligationsOf(lost),
			]) {
				await expect(attempt()).rejects.toMatchObject({ code: "partition_refused", status: 503 });
			}
			expect(await store.headers(kept)).toHaveLength(5);
			await store.commit([append(kept, 5)]);
			expect(await liveIds(store)).toEqual([kept]);
			expect(await store.sizeBytes()).toBeGreaterThan(0);
			expect(reasons).toHaveLength(1);
		});
	}

	for (const [what, damage] of [
		["is removed", () => rmSync(ledger())],
		["is cut", () => truncateSync(ledger(), 700)],
	] as const) {
		it(`takes nothing more when its ledger ${what} below its owner, and keeps nothing of what it refused`, async () => {
			const store = await openStore();
			await store.commit([putSession(lost)]);
			await store.commit([append(lost, 0, { reply: [bytes(8000)] })]);
			await store.commit([bury(zero)]);
			damage();
			const refused = { code: "store_unavailable", status: 503 };
			await expect(store.commit([bury(lost)])).rejects.toMatchObject(refused);
			await expect(store.commit([putSession(sid(`00${"d".repeat(30)}`))])).rejects.toMatchObject(refused);
			expect((await store.part(lost, tid(0), "reply")).equals(bytes(8000))).toBe(true);
			await store.commit([putSession(kept)]);
		});
	}

	it("is missed also when it is not the ledger that the last owner has found", async () => {
		for (let owners = 0; owners < 3; owners++) {
			const store = await openStore();
			await store.commit([bury(sid(`00${`${owners}`.repeat(30)}`))]);
			await store.close();
		}
		// One that reads and buries nothing names none of its own.
		await (await openStore()).close();
		rmSync(ledger());
		const reasons: string[] = [];
		await openStore({ onPartitionRefused: (_partition, reason) => reasons.push(reason) });
		expect(reasons).toEqual([expect.stringMatching(/ledger\.\S+ is gone, .* forget which ids were deleted/)]);
	});

	const remedies: Array<[string, () => void, boolean]> = [
		["owner that was removed", () => rmSync(owner()), true],
		["owner that was overwritten", () => writeFileSync(owner(), bytes(4000)), true],
		["ledger that was overwritten", () => writeFileSync(ledger(), bytes(4000)), false],
	];
	for (const [what, damage, isToldOfDeleted] of remedies) {
		it(`is served again after what the log says of its ${what}`, async () => {
			const first = await openStore();
			await first.commit([putSession(lost), append(lost, 0, { reply: [bytes(8000)] })]);
			await first.commit([bury(zero)]);
			await first.close();
			damage();
			const reasons: string[] = [];
			await (await openStore({ onPartitionRefused: (_partition, reason) => reasons.push(reason) })).close();
			const [, remedy = ""] = /\(([^()]*unowned[^()]*)\)/.exec(reasons[0] ?? "") ?? [];
			execFileSync("sh", ["-c", remedy]);
			const store = await openStore({
				onPartitionRefused: (_partition, reason) => {
					throw new Error(reason);
				},
			});
			expect((await store.part(lost, tid(0), "reply")).equals(bytes(8000))).toBe(true);
			expect((await store.tombstone(zero)) !== undefined).toBe(isToldOfDeleted);
			await store.commit([bury(lost)]);
			await store.close();
			expect(await (await openStore()).tombstone(lost)).toMatchObject({ reason: "deleted" });
		});
	}

	it("is told from one that was never used", async () => {
		const first = await openStore({ partitions: new PartitionMap(PARTITION_COUNT) });
		await first.close();
		const reasons: string[] = [];
		const store = await openStore({ onPartitionRefused: (partition) => reasons.push(`${partition}`) });
		await store.commit([putSession(kept)]);
		await store.commit([putSession(lost), append(lost, 0)]);
		expect(reasons).toEqual([]);
		expect(await store.headers(lost)).toEqual([header(0)]);
	});
});
