// The file that a session's turns are appended to: how it grows, who may write it, when it is written anew, and when it goes.
import {
	appendFileSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SessionId } from "../../src/base/ids.js";
import { seedOf } from "../../src/store/files/head.js";
import { FRAMES_AT, SUCCESSOR_AT } from "../../src/store/files/slots.js";
import { decodeSuccessor } from "../../src/store/files/successor.js";
import type { Store, StoreOp } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, bytes, header, meta, putSession, sid, tid } from "./values.js";

let dir: DiskDir;
let open: Store[] = [];
beforeEach(async () => {
	dir = await createDiskDir();
});
afterEach(async () => {
	for (const store of open) await store.close();
	open = [];
	await dir.remove();
});

const MIB = 1024 * 1024;
/** Both in partition 0. */
const [one, two] = [sid(`00${"a".repeat(30)}`), sid(`00${"b".repeat(30)}`)];
const files = () => dir.sessionFiles(0);
const reply = (turn: number, length = 20_000) => ({ reply: [bytes(length, turn)] });

async function openStore(changes: Parameters<DiskDir["open"]>[0] = {}): Promise<Store> {
	const store = await dir.open(changes);
	open.push(store);
	return store;
}

async function expectReplies(
	store: Store,
	id: SessionId,
	turns: readonly number[],
	length = 20_000,
): Promise<void> {
	expect((await store.headers(id)).map((found) => found.id)).toEqual(turns.map(tid));
	for (const turn of turns) {
		expect((await store.part(id, tid(turn), "reply")).equals(bytes(length, turn))).toBe(true);
	}
}

describe("A session's file", () => {
	it("takes up every turn, one behind the other, and goes with the session", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, reply(0))]);
		await store.commit([putSession(two), append(two, 0, reply(0))]);
		for (let turn = 1; turn < 5; turn++) await store.commit([append(one, turn, reply(turn))]);
		expect(files()).toHaveLength(2);
		await expectReplies(store, one, [0, 1, 2, 3, 4]);
		await expectReplies(store, two, [0]);
		await store.commit([bury(one)]);
		expect(files()).toHaveLength(1);
		await expectReplies(store, two, [0]);
		await store.commit([bury(two)]);
		expect(files()).toEqual([]);
	});

	it("of a former owner is read and never written, but for the name of its successor: that one may not be quite dead", async () => {
		const first = await openStore();
		await first.commit([putSession(one), append(one, 0, reply(0))]);
		const [path = ""] = files();
		await first.close();
		// The last breath of the former owner, behind the end that its last commit knew.
		appendFileSync(path, bytes(30_000, 99));
		const before = readFileSync(path);
		const second = await openStore();
		await second.commit([append(one, 1, reply(1))]);
		await second.commit([append(one, 2, reply(2))]);
		expect(files()).toHaveLength(2);
		const after = readFileSync(path);
		expect(decodeSuccessor(after, seedOf(after))).toMatchObject({ number: 1, flushed: false });
		after.fill(0, SUCCESSOR_AT, FRAMES_AT);
		expect(after.equals(before)).toBe(true);
		await expectReplies(second, one, [0, 1, 2]);
		await second.close();
		const third = await openStore();
		await expectReplies(third, one, [0, 1, 2]);
		expect(await third.session(one)).toEqual(meta(one));
		await third.commit([bury(one)]);
		expect(files()).toEqual([]);
	});

	it("writes over what a commit left there that never happened", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, reply(0))]);
		const [path = ""] = files();
		const { size } = statSync(path);
		appendFileSync(path, bytes(50_000, 99));
		await store.commit([append(one, 1, reply(1))]);
		expect(statSync(path).size).toBe(size + 50_000);
		await expectReplies(store, one, [0, 1]);
		await store.close();
		await expectReplies(await openStore(), one, [0, 1]);
	});

	it("that was never finished is no session, and is removed", async () => {
		const first = await openStore();
		await first.commit([putSession(one), append(one, 0, reply(0))]);
		await first.close();
		const [path = ""] = files();
		writeFileSync(`${path}x.tmp`, readFileSync(path));
		const second = await openStore();
		expect(files()).toEqual([path]);
		await expectReplies(second, one, [0]);
	});

	it("of a session that is made anew in the commit that buries the old one is another file", async () => {
		const store = await openStore();
		await store.commit([putSession(one), append(one, 0, reply(0))]);
		const before = files();
		await store.commit([bury(one), putSession(one), append(one, 0, reply(7))]);
		expect(files()).toHaveLength(1);
		expect(files()).not.toEqual(before);
		expect((await store.part(one, tid(0), "reply")).equals(bytes(20_000, 7))).toBe(true);
		await store.close();
		const again = await openStore();
		expect((await again.part(one, tid(0), "reply")).equals(bytes(20_000, 7))).toBe(true);
	});

	it("that was left over from a buried session is removed by the next owner, and never is a session", async () => {
		const first = await openStore();
		await first.commit([putSession(one), append(one, 0, reply(0))]);
		const [path = ""] = files();
		const kept = readFileSync(path);
		await first.commit([bury(one)]);
		await first.close();
		writeFileSync(path, kept);
		const second = await openStore();
		expect(await second.session(one)).toBeUndefined();
		expect(await second.tombstone(one)).toMatchObject({ reason: "deleted" });
		expect(files()).toEqual([]);
		await second.commit([putSession(one), append(one, 0, reply(4))]);
		await second.close();
		// Beside a session that is newer under its id it is nothing either.
		writeFileSync(path, kept);
		const third = await openStore();
		expect((await third.part(one, tid(0), "reply")).equals(bytes(20_000, 4))).toBe(true);
		expect(files()).toHaveLength(1);
	});

	it("that was left over from a buried session stays nothing when its tombstone is forgotten before anybody looked", async () => {
		const first = await openStore({ tombstones: 1 });
		await first.commit([putSession(one), append(one, 0, reply(0))]);
		const [path = ""] = files();
		const kept = readFileSync(path);
		await first.commit([bury(one)]);
		await first.commit([bury(two)]);
		await first.close();
		// As a worker leaves it that dies between a burial and the removal of the file.
		writeFileSync(path, kept);
		const second = await openStore({ tombstones: 1 });
		expect(await second.session(one)).toBeUndefined();
		expect(files()).toEqual([]);
	});

	it("is written by many sessions at once, more than files may stay open", async () => {
		const store = await openStore({ filesKeptOpen: 10 });
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

	for (const [what, harm] of [
		["cut", (path: string) => truncateSync(path, 5000)],
		["removed", (path: string) => rmSync(path)],
		["removed with its directory", (path: string) => rmSync(dirname(path), { recursive: true })],
	] as const) {
		it(`that was ${what} from outside is not appended to: the turns before would read as zeros, or be lost`, async () => {
			const store = await openStore();
			await store.commit([putSession(one), append(one, 0, reply(0))]);
			const [path = ""] = files();
			harm(path);
			await expect(store.commit([append(one, 1, reply(1))])).rejects.toThrow(/stored bytes are missing/);
			expect(await store.headers(one)).toHaveLength(1);
			await store.commit([bury(one)]);
			expect(files()).toEqual([]);
		});
	}

	it("keeps a client's long texts once, and gives them back after restarts", async () => {
		const metadataJson = JSON.stringify({ text: "é".repeat(20_000) });
		const first = await openStore();
		await first.commit([
			{ op: "put_session", meta: meta(one, { metadataJson, overridesJson: '{"a": 1.0}' }) },
		]);
		const [path = ""] = files();
		const { size } = statSync(path);
		for (let turn = 0; turn < 5; turn++) {
			const changed = meta(one, { metadataJson, overridesJson: '{"a": 1.0}', turnCount: turn });
			await first.commit([append(one, turn), { op: "put_session", meta: changed }]);
		}
		expect(statSync(path).size - size).toBeLessThan(10_000);
		await first.close();
		const wanted = meta(one, { metadataJson, overridesJson: '{"a": 1.0}', turnCount: 4 });
		const second = await openStore();
		expect(await second.session(one)).toEqual(wanted);
		await second.commit([append(one, 5)]);
		await second.close();
		const third = await openStore();
		for await (const found of third.sessions()) expect(found).toEqual(wanted);
		expect(await third.session(one)).toEqual(wanted);
		await third.commit([{ op: "put_session", meta: { ...wanted, metadataJson: null } }]);
		await third.close();
		expect(await (await openStore()).session(one)).toEqual({ ...wanted, metadataJson: null });
	});
});

describe("A session's file with much that nobody needs", () => {
	const drop = (turn: number): StoreOp => ({ op: "drop_turn", session: one, turn: tid(turn) });
	const size = () => files().reduce((sum, path) => sum + statSync(path).size, 0);

	it("is written anew without it; what is read meanwhile is read on", async () => {
		const store = await openStore();
		await store.commit([
			putSession(one),
			append(one, 0, { reply: [bytes(3 * MIB)], "payload:0": [bytes(200_000, 3)] }),
			append(one, 1, { reply: [bytes(900_000, 1)] }),
		]);
		const reading = store.streamPart(one, tid(1), "reply", [Buffer.alloc(10_000)])[Symbol.asyncIterator]();
		const cursor = store.openPart(one, tid(1), "reply");
		const read = [Buffer.from((await reading.next()).value as Buffer)];
		const first = Buffer.alloc(100_000);
		expect(await cursor.read(first)).toBe(100_000);
		const before = files();
		await store.commit([drop(0)]);
		await store.sizeBytes();
		expect(files()).toHaveLength(1);
		expect(files()).not.toEqual(before);
		expect(size()).toBeLessThan(MIB);
		for (;;) {
			const next = await reading.next();
			if (next.done === true) break;
			read.push(Buffer.from(next.value));
		}
		expect(Buffer.concat(read).equals(bytes(900_000, 1))).toBe(true);
		const rest = Buffer.alloc(MIB);
		const length = await cursor.read(rest);
		expect(Buffer.concat([first, rest.subarray(0, length)]).equals(bytes(900_000, 1))).toBe(true);
		await cursor.close();
		await store.commit([append(one, 2, { reply: [bytes(900_000, 2)] })]);
		await store.close();
		await expectReplies(await openStore(), one, [1, 2], 900_000);
	});

	it("keeps what others begin with, of parts that were dropped, and no more", async () => {
		const store = await openStore();
		const whole = bytes(3 * MIB, 4);
		const onto = (turn: number, on: number, payload: Buffer): StoreOp =>
			({
				...append(one, turn, { "payload:0": [payload] }),
				bases: new Map([["payload:0", { turn: tid(on), part: "payload:0" }]]),
			}) as StoreOp;
		await store.commit([putSession(one), append(one, 0, { "payload:0": [whole] })]);
		await store.commit([onto(1, 0, Buffer.concat([whole.subarray(0, 700_001), bytes(5000, 9)]))]);
		await store.commit([onto(2, 1, Buffer.concat([whole.subarray(0, 700_001), bytes(9000, 9)]))]);
		for (const turn of [0, 1]) {
			await store.commit([{ op: "drop_part", session: one, turn: tid(turn), part: "payload:0" }]);
		}
		await store.sizeBytes();
		expect(size()).toBeLessThan(MIB);
		for (let opened = 0; opened < 2; opened++) {
			const again = opened === 0 ? store : await openStore();
			const found = await again.part(one, tid(2), "payload:0");
			expect(found.equals(Buffer.concat([whole.subarray(0, 700_001), bytes(9000, 9)]))).toBe(true);
			expect(await again.partLength(one, tid(0), "payload:0")).toBe(3 * MIB);
			await expect(again.commit([drop(1)])).rejects.toMatchObject({ code: "session_state_conflict" });
			if (opened === 0) await store.close();
		}
	});

	it("or that is many files is one again", async () => {
		for (let turn = 0; turn < 10; turn++) {
			const store = await openStore();
			await store.commit([
				putSession(one, { turnCount: turn }),
				...(turn > 0 ? [{ op: "put_header", session: one, header: header(turn - 1) } as const] : []),
				append(one, turn, reply(turn)),
			]);
			await store.sizeBytes();
			await store.close();
			expect(files().length).toBeLessThanOrEqual(9);
		}
		expect(files().length).toBeLessThan(4);
		await expectReplies(await openStore(), one, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
	});

	it("leaves nothing behind of a rewrite that finds damage, and refuses the session", async () => {
		const told: string[] = [];
		const store = await openStore({ onSessionDamaged: (_id, _file, why) => told.push(why) });
		await store.commit([
			putSession(one),
			append(one, 0, { reply: [bytes(3 * MIB)] }),
			append(one, 1, { reply: [bytes(900_000, 1)] }),
		]);
		const [path = ""] = files();
		const content = readFileSync(path);
		content.writeUInt8(content.readUInt8(content.length - 1000) ^ 1, content.length - 1000);
		writeFileSync(path, content);
		await store.commit([drop(0)]);
		await store.sizeBytes();
		expect(told).toHaveLength(1);
		expect(readdirSync(dirname(path))).toHaveLength(1);
		await expect(store.headers(one)).rejects.toMatchObject({ code: "store_damaged" });
		await store.commit([bury(one)]);
		expect(files()).toEqual([]);
	});
});
