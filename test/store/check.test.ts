// What a check of a data dir says beside the damage of one file and of partitions (see damage.test.ts and recovery.test.ts).
import {
	appendFileSync,
	closeSync,
	copyFileSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Partition } from "../../src/base/ids.js";
import { type CheckResult, checkDataDir } from "../../src/store/check/check-data-dir.js";
import type { Finding } from "../../src/store/check/finding.js";
import { partitionDirectory } from "../../src/store/disk/names.js";
import type { DiskStoreOptions } from "../../src/store/disk/store.js";
import type { Store, StoreOp } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, putSession, sid, tid } from "./values.js";

/** In partition 0 the first three. */
const [one, two, three] = [
	sid(`00${"a".repeat(30)}`),
	sid(`00${"b".repeat(30)}`),
	sid(`00${"c".repeat(30)}`),
];
/** Whose files have a hash for a name. */
const hashed = sid("A.b");

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

async function check(): Promise<{ result: CheckResult; found: Finding[] }> {
	const found: Finding[] = [];
	const listener = { found: (finding: Finding) => found.push(finding), progress: () => undefined };
	const result = await checkDataDir(dir.path, listener);
	// Nobody has launched a cluster here; what that means is asked below.
	return { result, found: found.filter(({ places }) => !places[0]?.file.endsWith("launch.json")) };
}

const told = (found: readonly Finding[]) =>
	found.map(({ kind, session, what }) => `${kind} ${session}: ${what}`);
const fileOf = (id: string) => dir.sessionFiles(0).find((path) => path.includes(id)) ?? "";

function overwrite(path: string, at: number, text: Uint8Array): void {
	const fd = openSync(path, "r+");
	writeSync(fd, text, 0, text.length, at);
	closeSync(fd);
}

const PAYLOAD = bytes(300_000, 5);
/** Turn 1 begins with most of turn 0's payload, turn 2 has its own. */
const turns: StoreOp[][] = [
	[append(one, 0, { "payload:0": [PAYLOAD] }), putSession(one, { turnCount: 1 })],
	[
		{
			...append(one, 1, { "payload:0": [bytes(10, 8)] }),
			bases: new Map([["payload:0", { turn: tid(0), part: "payload:0", shared: 250_000 }]]),
		} as StoreOp,
		putSession(one, { turnCount: 2 }),
	],
	[append(one, 2, { "payload:0": [bytes(9000, 3)] }), putSession(one, { turnCount: 3 })],
];

async function write(): Promise<void> {
	const store = await openStore();
	await store.commit([putSession(one)]);
	for (const turn of turns) await store.commit(turn);
	for (const id of [two, hashed]) {
		await store.commit([putSession(id)]);
		await store.commit([append(id, 0, { reply: [bytes(3000)] }), putSession(id, { turnCount: 1 })]);
	}
	// Without a file.
	await store.commit([putSession(three)]);
	await store.commit([bury(sid(`00${"d".repeat(30)}`))]);
	await store.close();
}

describe("A check of a data dir", () => {
	it("finds nothing where nothing is wrong, and counts sessions with and without files", async () => {
		await write();
		// Of another owner's files too.
		const store = await openStore();
		await store.commit([append(two, 1), putSession(two, { turnCount: 2 })]);
		await store.close();
		const { result, found } = await check();
		expect(told(found)).toEqual([]);
		expect(result).toMatchObject({ sessions: 4, damagedSessions: 0, damagedPartitions: 0, harmed: 0 });
		expect(result.bytes).toBeGreaterThan(300_000);
	});

	it("changes nothing", async () => {
		await write();
		const all = () =>
			readdirSync(dir.path, { recursive: true, withFileTypes: true })
				.filter((entry) => entry.isFile())
				.map(
					({ parentPath, name }) => `${parentPath}/${name} ${readFileSync(join(parentPath, name), "latin1")}`,
				)
				.sort();
		const before = all();
		await check();
		expect(all().length).toBe(before.length);
		expect(all().every((file, index) => file === before[index])).toBe(true);
	});

	it("says which turns are whole, and where the bytes are that are not", async () => {
		await write();
		const path = fileOf(one);
		const at = readFileSync(path).indexOf(PAYLOAD.subarray(0, 4000));
		overwrite(path, at + 140_000, Buffer.from([1, 2, 3]));
		const { result, found } = await check();
		expect(result).toMatchObject({ sessions: 3, damagedSessions: 1, damaged: 2 });
		expect(found).toEqual([
			expect.objectContaining({
				...{ kind: "damaged", session: one, what: "2 of its turns can't be read" },
				places: [
					{
						file: path,
						offset: at + 128 * 1024,
						what: "131072 bytes of payload:0 of turn 0 are not what was written",
					},
				],
				turns: { stored: 3, whole: [2] },
				exportable: "nothing of it",
			}),
		]);
	});

	it("tells bytes that nobody needs any more from those that are needed", async () => {
		await write();
		const store = await openStore();
		await store.commit([{ op: "drop_part", session: one, turn: tid(2), part: "payload:0" }]);
		await store.close();
		const [path = ""] = dir
			.sessionFiles(0)
			.filter((name) => name.includes(one))
			.sort();
		overwrite(path, readFileSync(path).lastIndexOf(bytes(4000, 3)) + 100, Buffer.from([1, 2, 3]));
		const { found } = await check();
		expect(told(found)).toEqual([`harmed ${one}: bytes that it can do without are not as written`]);
		const again = await openStore();
		expect((await again.part(one, tid(0), "payload:0")).equals(PAYLOAD)).toBe(true);
	});

	it("finds a session whose newest file was removed, and one under another's name", async () => {
		await write();
		const store = await openStore();
		await store.commit([append(two, 1), putSession(two, { turnCount: 2 })]);
		await store.close();
		rmSync(
			dir
				.sessionFiles(0)
				.filter((path) => path.includes(two))
				.sort()
				.at(-1) ?? "",
		);
		renameSync(fileOf(one), fileOf(one).replace(one, `00${"e".repeat(30)}`));
		const { found } = await check();
		expect(told(found).sort()).toEqual([
			expect.stringMatching(new RegExp(`damaged ${two}: the file that goes on from it .* is gone`)),
			expect.stringMatching(new RegExp(`damaged 00e+: it is of session ${one}`)),
		]);
	});

	it("finds a file in another partition than its session's, and hashed names that are another's", async () => {
		await write();
		mkdirSync(join(partitionDirectory(dir.path, 1 as Partition), "sessions"), { recursive: true });
		copyFileSync(fileOf(two), fileOf(two).replace("partitions/00", "partitions/01"));
		const [path = ""] = Array.from({ length: 64 }, (_, partition) => dir.sessionFiles(partition))
			.flat()
			.filter((name) => name.includes("~"));
		renameSync(path, path.replace(/~[0-9a-f]{40}/, `~${"0".repeat(40)}`));
		const { found } = await check();
		expect(told(found).sort()).toEqual(
			[
				`damaged ${two}: it is of session ${two}, whose place is partition 0 of 64`,
				`damaged ${hashed}: it is of session ${hashed}, whose files have other names`,
			].sort(),
		);
	});

	it("tells leftovers from faults", async () => {
		await write();
		const store = await openStore();
		const path = fileOf(two);
		copyFileSync(path, `${dir.path}/kept`);
		await store.commit([bury(two)]);
		await store.close();
		copyFileSync(`${dir.path}/kept`, path);
		writeFileSync(`${path}x.tmp`, "");
		writeFileSync(join(partitionDirectory(dir.path, 0 as Partition), "thesis"), "");
		const { result, found } = await check();
		expect(told(found)).toEqual([
			"leftover null: no file of this program's",
			"leftover null: no file of this program's",
			`leftover null: files of session ${two}, which was deleted`,
			"leftover null: a file that was never finished",
		]);
		expect(result).toMatchObject({ sessions: 3, damagedSessions: 0, harmed: 0 });
	});

	it("says so when the ledger has a place that is not as written, and goes on", async () => {
		await write();
		const directory = partitionDirectory(dir.path, 0 as Partition);
		const [name = ""] = readdirSync(directory).filter((entry) => entry.startsWith("ledger"));
		const content = readFileSync(join(directory, name));
		const slots = [512, 576].sort((left, right) => content.readDoubleLE(left) - content.readDoubleLE(right));
		overwrite(join(directory, name), (slots[0] ?? 0) + 20, Buffer.from([99]));
		const { found, result } = await check();
		expect(told(found)).toEqual(["harmed null: its ledger is not as written"]);
		expect(result.sessions).toBe(4);
	});

	it("reads beside a store that writes, rewrites and deletes, and finds nothing", async () => {
		await write();
		const store = await openStore();
		let isOver = false;
		const writing = (async () => {
			for (let turn = 0; !isOver; turn++) {
				const id = sid(`00${`${turn % 9}`.repeat(30)}`);
				await store.commit([bury(id), putSession(id)]);
				await store.commit([append(id, 0, { reply: [bytes(2_000_000, turn)] })]);
				await store.commit([{ op: "drop_part", session: id, turn: tid(0), part: "reply" }, append(id, 1)]);
				if (turn % 2 === 0) await store.commit([bury(id)]);
			}
		})();
		for (let checks = 0; checks < 5; checks++) {
			const { found } = await check();
			expect(told(found.filter(({ kind }) => kind !== "leftover"))).toEqual([]);
		}
		isOver = true;
		await writing;
	});

	it("misses the launch where there are sessions, and a torn one, and an epoch that is none", async () => {
		const found: Finding[] = [];
		const listener = { found: (finding: Finding) => found.push(finding), progress: () => undefined };
		await checkDataDir(dir.path, listener);
		expect(told(found)).toEqual([]);
		await write();
		await checkDataDir(dir.path, listener);
		writeFileSync(join(dir.path, "launch.json"), "{");
		appendFileSync(join(dir.path, "epoch"), "torn");
		await checkDataDir(dir.path, listener);
		expect(told(found)).toEqual([
			"damaged null: it is gone",
			"harmed null: it holds no number: the clock is taken instead",
			"damaged null: it is damaged, or of another version",
		]);
	});
});
