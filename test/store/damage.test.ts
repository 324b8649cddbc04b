// Files that were changed from outside, byte by byte: the session is as it was or refused, and nothing else is touched.
import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RollpinError } from "../../src/base/errors.js";
import { checkDataDir } from "../../src/store/check/check-data-dir.js";
import type { Finding } from "../../src/store/check/finding.js";
import { openDiskReader } from "../../src/store/disk/reader.js";
import type { ReadableStore, Store, StoreOp } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, header, meta, putSession, sid, tid } from "./values.js";

/** In partition 0, and another one beside it. */
const [harmed, sound] = [sid(`00${"a".repeat(30)}`), sid(`00${"b".repeat(30)}`)];
const PAYLOAD = bytes(300_000, 5);

let dir: DiskDir;
beforeEach(async () => {
	dir = await createDiskDir();
});
afterEach(() => dir.remove());

const turn = (number: number): StoreOp[] => [
	append(harmed, number, { prompt: [bytes(400, number)], reply: [bytes(3000, number)] }),
	putSession(harmed, { turnCount: number + 1 }),
];

/** Turn 3 is the newest; turn 1 has a payload that turn 2 begins with. Returns the path of the only file. */
async function write(store: Store): Promise<string> {
	await store.commit([putSession(harmed)]);
	await store.commit([putSession(sound), append(sound, 0, { reply: [bytes(3000)] })]);
	await store.commit(turn(0));
	await store.commit([append(harmed, 1, { "payload:0": [PAYLOAD] }), putSession(harmed, { turnCount: 2 })]);
	await store.commit([
		{
			...append(harmed, 2, { "payload:0": [bytes(10, 8)] }),
			bases: new Map([["payload:0", { turn: tid(1), part: "payload:0", shared: 250_000 }]]),
		} as StoreOp,
		putSession(harmed, { turnCount: 3 }),
	]);
	await store.commit([
		...turn(3),
		{ op: "put_header", session: harmed, header: header(0, { status: "superseded" }) },
	]);
	const [path = ""] = dir.sessionFiles(0).filter((name) => name.includes(harmed));
	return path;
}

/** True when all is as it was written; false when it is refused. Anything between is an error. */
async function isWhole(store: ReadableStore): Promise<boolean> {
	const refused = (error: unknown) => error instanceof RollpinError && error.code === "store_damaged";
	const read = async (): Promise<boolean> => {
		expect(await store.session(harmed)).toEqual(meta(harmed, { turnCount: 4 }));
		expect(await store.headers(harmed)).toEqual([
			header(0, { status: "superseded" }),
			header(1),
			header(2),
			header(3),
		]);
		for (const number of [0, 3]) {
			expect((await store.part(harmed, tid(number), "prompt")).equals(bytes(400, number))).toBe(true);
			expect((await store.part(harmed, tid(number), "reply")).equals(bytes(3000, number))).toBe(true);
		}
		expect((await store.part(harmed, tid(1), "payload:0")).equals(PAYLOAD)).toBe(true);
		const pieces: Buffer[] = [];
		for await (const piece of store.streamPart(harmed, tid(2), "payload:0")) pieces.push(Buffer.from(piece));
		expect(Buffer.concat(pieces).equals(Buffer.concat([PAYLOAD.subarray(0, 250_000), bytes(10, 8)]))).toBe(
			true,
		);
		return true;
	};
	return read().catch((error: unknown) => {
		if (refused(error)) return false;
		throw error;
	});
}

const reader = () =>
	openDiskReader({
		dataDir: dir.path,
		onPartitionRefused: (_partition, reason) => {
			throw new Error(reason);
		},
	});

/** What a check says of sessions. */
async function findings(dataDir: string): Promise<Finding[]> {
	const found: Finding[] = [];
	const result = await checkDataDir(dataDir, {
		found: (finding) => found.push(finding),
		progress: () => undefined,
	});
	expect(result.sessions + result.damagedSessions).toBe(2);
	return found.filter(({ partition }) => partition !== null);
}

/** Harms the file in many ways, and looks at it each time as an owner would, and as a reader beside one. */
async function harmAndLook(
	harms: Iterable<(path: string) => void>,
	look: (store: ReadableStore, told: readonly string[]) => Promise<unknown>,
): Promise<void> {
	const first = await dir.open();
	const path = await write(first);
	// As an owner leaves it that is killed: a close would write the newest slot once more.
	copyFileSync(path, `${dir.path}/kept`);
	await first.close();
	for (const harm of harms) {
		copyFileSync(`${dir.path}/kept`, path);
		harm(path);
		const told: string[] = [];
		const beside = await reader();
		const isServed = await look(beside, [path]);
		await beside.close();
		// What a check finds is what a cluster makes of it, and nothing that was harmed is as it should be.
		const found = await findings(dir.path);
		expect(found.map(({ kind, session }) => `${kind} ${session}`)).toEqual([
			`${isServed === true ? "harmed" : "damaged"} ${harmed}`,
		]);
		expect(found[0]?.places[0]?.file).toBe(path);
		const store = await dir.open({ onSessionDamaged: (_id, file) => told.push(file) });
		await look(store, told);
		expect((await store.part(sound, tid(0), "reply")).equals(bytes(3000))).toBe(true);
		await store.close();
	}
}

describe("A session's file in which one bit differs", () => {
	const flip = (at: number, bit: number) => (path: string) => {
		const content = readFileSync(path);
		content.writeUInt8(content.readUInt8(at) ^ (1 << bit), at);
		writeFileSync(path, content);
	};
	for (const [where, from, to, step] of [
		["its head", 0, 512, 37],
		["its slots", 512, 640, 3],
		["the head of its first frame", 640, 1100, 11],
		["what follows", 1100, 312_000, 9973],
		["its last frame", -5200, 0, 97],
	] as const) {
		it(`in ${where} is as it was or refused, never shorter, never other bytes`, async () => {
			const first = await dir.open();
			const { size } = statSync(await write(first));
			for (const id of [harmed, sound]) await first.commit([bury(id)]);
			await first.close();
			const begin = from < 0 ? size + from : from;
			const end = to === 0 ? size : Math.min(to, size);
			const harms = [];
			for (let at = begin; at < end; at += step) harms.push(flip(at, at % 8));
			let refused = 0;
			await harmAndLook(harms, async (store, told) => {
				if (await isWhole(store)) return true;
				refused++;
				expect(told).toHaveLength(1);
				return false;
			});
			// Each is looked at twice; one of the two slots is not the one that counts.
			if (where === "its slots")
				expect([refused > harms.length / 2, refused < 2 * harms.length]).toEqual([true, true]);
			else expect(refused).toBe(2 * harms.length);
		}, 120_000);
	}
});

describe("A session's file that was cut, or overwritten", () => {
	const cut = (share: number) => (path: string) =>
		truncateSync(path, Math.floor(statSync(path).size * share));
	const zero = (at: number, length: number) => (path: string) => {
		const content = readFileSync(path);
		content.fill(0, at, Math.min(content.length, at + length));
		writeFileSync(path, content);
	};
	const HARMS: Array<[string, (path: string) => void]> = [
		["emptied", cut(0)],
		["cut in its head", (path) => truncateSync(path, 300)],
		["cut behind its head", (path) => truncateSync(path, 640)],
		["cut in the middle", cut(0.5)],
		["cut by a byte", (path) => truncateSync(path, statSync(path).size - 1)],
		["zeroed in its first sector", zero(0, 512)],
		["zeroed in its slots", zero(512, 128)],
		["zeroed in its first page", zero(0, 4096)],
		["zeroed in its second page", zero(4096, 4096)],
		["zeroed as a whole", zero(0, 1e9)],
		["overwritten by other data", (path) => writeFileSync(path, bytes(400_000))],
	];

	for (const [what, harm] of HARMS) {
		it(`(${what}) is refused under its id, beside others, until it is deleted`, async () => {
			await harmAndLook([harm], async (store, told) => {
				expect(await isWhole(store)).toBe(false);
				expect(told).toHaveLength(1);
				const ids: string[] = [];
				for await (const { id } of store.sessions()) ids.push(id);
				expect(ids.sort()).toEqual([harmed, sound]);
				if (!("commit" in store)) return;
				const owner = store as Store;
				const refused = { code: "store_damaged", status: 500 };
				await expect(owner.tombstone(harmed)).rejects.toMatchObject(refused);
				await expect(owner.commit(turn(4))).rejects.toMatchObject(refused);
				await expect(owner.commit([putSession(harmed)])).rejects.toMatchObject(refused);
				await owner.commit([bury(harmed)]);
				expect(await owner.tombstone(harmed)).toMatchObject({ reason: "deleted" });
				expect(dir.sessionFiles(0)).toHaveLength(1);
				await owner.commit([putSession(harmed), ...turn(0)]);
				expect(await owner.headers(harmed)).toEqual([header(0)]);
			});
		});
	}

	it("keeps its times as long as they can be read, so that it ends by itself", async () => {
		await harmAndLook([cut(0.5)], async (store) => {
			for await (const found of store.sessions()) {
				if (found.id === harmed && "commit" in store) {
					expect(found).toMatchObject({ createdAt: 1.5, expiresAt: 1e9 + 0.25, lastUsedAt: 2.5, head: null });
				}
			}
		});
	});

	it("is refused too when it is found out while it is served", async () => {
		const told: string[] = [];
		const store = await dir.open({ onSessionDamaged: (id) => told.push(`${id}`) });
		const path = await write(store);
		const content = readFileSync(path);
		const at = content.lastIndexOf(bytes(3000, 3));
		content.writeUInt8(content.readUInt8(at + 1500) ^ 4, at + 1500);
		writeFileSync(path, content);
		expect(await store.headers(harmed)).toHaveLength(4);
		await expect(store.part(harmed, tid(3), "reply")).rejects.toMatchObject({ code: "store_damaged" });
		expect(told).toEqual([harmed]);
		for (const attempt of [
			() => store.headers(harmed),
			() => store.part(harmed, tid(0), "prompt"),
			() => store.commit(turn(4)),
		]) {
			await expect(attempt()).rejects.toMatchObject({ code: "store_damaged" });
		}
		expect(told).toEqual([harmed]);
		await store.commit([bury(harmed)]);
		expect(await store.session(harmed)).toBeUndefined();
		await store.close();
	});

	it("under a name that is a hash is refused by its id, though nobody can tell whose it is", async () => {
		const hashed = sid("00.Hashed");
		const first = await dir.open();
		await first.commit([putSession(hashed), append(hashed, 0)]);
		await first.close();
		const told: unknown[] = [];
		const all = Array.from({ length: 64 }, (_, partition) => dir.sessionFiles(partition)).flat();
		for (const path of all) truncateSync(path, 100);
		const store = await dir.open({ onSessionDamaged: (id) => told.push(id) });
		for await (const { id } of store.sessions()) throw new Error(`${id} is listed`);
		expect(told).toEqual([null]);
		await expect(store.session(hashed)).rejects.toMatchObject({ code: "store_damaged" });
		await expect(store.tombstone(hashed)).rejects.toMatchObject({ code: "store_damaged" });
		await store.commit([bury(hashed)]);
		expect(await store.tombstone(hashed)).toMatchObject({ reason: "deleted" });
		await store.close();
	});
});
