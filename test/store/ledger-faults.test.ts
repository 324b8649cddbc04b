// What goes wrong beside a ledger's record: leftovers, a record that cannot be taken back, a clock that goes back.
import { copyFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Partition } from "../../src/base/ids.js";
import { Ledger } from "../../src/store/disk/ledger.js";
import { partitionDirectory } from "../../src/store/disk/names.js";
import { Owner } from "../../src/store/disk/owner.js";
import { Medium } from "../../src/store/files/medium.js";
import { run, type Steps } from "../../src/store/files/steps.js";
import type { Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { bury, meta, putSession, sid } from "./values.js";

const id = sid("00aa".padEnd(32, "0"));
const other = sid("00bb".padEnd(32, "0"));
let dir: DiskDir;
const open: Store[] = [];
beforeEach(async () => {
	dir = await createDiskDir();
});
afterEach(async () => {
	vi.restoreAllMocks();
	for (const s of open.splice(0)) await s.close();
	await dir.remove();
});
const openStore = async (c = {}) => {
	const s = await dir.open(c);
	open.push(s);
	return s;
};
const pdir = () => partitionDirectory(dir.path, 0 as Partition);
const LATE = Number.MAX_SAFE_INTEGER - 1;

it("a ledger that was never finished goes with the next record", async () => {
	writeFileSync(join(pdir(), "ledger.1-1.tmp"), "x".repeat(1000));
	for (let n = 0; n < 3; n++) {
		const s = await openStore();
		await s.commit([putSession(n === 0 ? id : n === 1 ? other : sid("00cc"))]);
		await s.close();
		open.pop();
	}
	expect(readdirSync(pdir())).not.toContain("ledger.1-1.tmp");
});

/** Once, a flush fails and the write after it. */
class Ailing extends Medium {
	failWrites = -1;
	override *write(fd: number, b: Uint8Array, at: number): Steps<void> {
		if (this.failWrites === 0) {
			this.failWrites = -1;
			throw Object.assign(new Error("EIO"), { code: "EIO" });
		}
		if (this.failWrites > 0) this.failWrites--;
		yield* super.write(fd, b, at);
	}
	flushFails = false;
	override *flush(fd: number): Steps<void> {
		if (this.flushFails) {
			this.flushFails = false;
			this.failWrites = 0;
			throw Object.assign(new Error("EIO"), { code: "EIO" });
		}
		yield* super.flush(fd);
	}
}

it("a record whose flush and whose taking back fail is never found", async () => {
	await (await dir.open()).close();
	const medium = new Ailing();
	const owner = await run(Owner.take(pdir(), 0 as Partition, LATE, 7, medium));
	let number = 0;
	const ledger = new Ledger(
		{
			medium,
			directory: pdir(),
			owner,
			partition: 0 as Partition,
			epoch: LATE,
			durable: true,
			bootTag: 7,
			nextNumber: () => ++number,
			makeRoom: () => false,
		},
		{ records: new Map(), bytes: 0 },
		[],
	);
	const rec = (one: string) => ({
		id: sid(one),
		order: 1,
		tombstone: null,
		owed: [],
		session: JSON.stringify([{ o: "record", meta: meta(sid(one)) }]),
	});
	await ledger.append(rec("00ee"));
	medium.flushFails = true;
	await expect((async () => ledger.append(rec("00ff")))()).rejects.toMatchObject({ code: "EIO" });
	await ledger.append(rec("00dd"));
	ledger.close();
	owner.close();
	const s = await openStore({ epoch: LATE + 1 });
	const found: string[] = [];
	for await (const m of s.sessions()) found.push(m.id);
	expect(found.sort()).toEqual(["00dd", "00ee"]);
});

it("a deleted session stays deleted after the clock went back an hour, and a death before its file is removed", async () => {
	const real = Date.now;
	let back = 0;
	vi.spyOn(Date, "now").mockImplementation(() => real() - back);
	const first = await openStore();
	await first.commit([putSession(id, { metadataJson: JSON.stringify({ a: "x".repeat(600) }) })]);
	await first.close();
	open.pop();
	back = 3600_000;
	const kept = dir.sessionFiles(0)[0] as string;
	copyFileSync(kept, join(dir.path, "kept"));
	const second = await openStore();
	await second.commit([bury(id)]);
	await second.close();
	open.pop();
	copyFileSync(join(dir.path, "kept"), kept);
	rmSync(join(dir.path, "kept"));
	const third = await openStore();
	expect(await third.session(id)).toBeUndefined();
});
