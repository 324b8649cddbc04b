// What a reader keeps of a partition between two sessions: used again while nothing changed, never when something did.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { partitionOf } from "../../src/base/partitions.js";
import { partitionDirectory, sessionsDirectory } from "../../src/store/disk/names.js";
import { PartitionView } from "../../src/store/disk/partition-view.js";
import { Medium } from "../../src/store/files/medium.js";
import type { Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bury, putSession, sid } from "./values.js";

const ID = sid("a-session");
/** As if all that is there had been there for a while. */
const LATER_MS = 3_600_000;

let dir: DiskDir;
let owner: Store;
let directory: string;
beforeEach(async () => {
	dir = await createDiskDir();
	owner = await dir.open();
	directory = partitionDirectory(dir.path, partitionOf(ID));
});
afterEach(async () => {
	await owner.close();
	await dir.remove();
});

const settled = () => new PartitionView(directory, new Medium(), 0, () => Date.now() + LATER_MS);

/** The file system's clock goes on: what is changed from now on is seen to be. */
function tick(): void {
	const scratch = mkdtempSync(join(tmpdir(), "rollpin-tick-"));
	const before = statSync(sessionsDirectory(directory), { bigint: true }).ctimeNs;
	const deadlineMs = Date.now() + 10_000;
	let nowNs = before;
	while (nowNs <= before && Date.now() < deadlineMs) {
		writeFileSync(join(scratch, "clock"), "");
		nowNs = statSync(join(scratch, "clock"), { bigint: true }).ctimeNs;
	}
	rmSync(scratch, { recursive: true });
}

it("names are not read again while their directory is the same", async () => {
	await owner.commit([putSession(ID), append(ID, 0)]);
	const view = settled();
	const first = view.names;
	expect(first).toHaveLength(1);
	expect(view.names).toBe(first);
	expect(view.stampsOf("a-session")).toBe(view.stampsOf("a-session"));
});

it("a file that comes or goes is seen", async () => {
	const view = settled();
	expect([...view.stems]).toEqual([]);
	tick();
	await owner.commit([putSession(ID), append(ID, 0)]);
	expect([...view.stems]).toEqual(["a-session"]);
	tick();
	await owner.commit([bury(ID)]);
	expect(view.stampsOf("a-session")).toEqual([]);
});

it("names of a directory that was changed just now are read each time: the next change may look like this one", async () => {
	await owner.commit([putSession(ID), append(ID, 0)]);
	const changedMs = Number(statSync(sessionsDirectory(directory), { bigint: true }).ctimeNs / 1_000_000n);
	const view = new PartitionView(directory, new Medium(), 0, () => changedMs);
	expect(view.names).toEqual(view.names);
	expect(view.names).not.toBe(view.names);
});

it("a burial that is appended to the same ledger is seen, and records are kept while there is none", async () => {
	const others = Array.from({ length: 2000 }, (_, at) => sid(`one-${at}`));
	const [first, second] = others.filter((id) => partitionOf(id) === partitionOf(ID));
	if (first === undefined || second === undefined) throw new Error("no two ids of that partition");
	await owner.commit([bury(first)]);
	const view = settled();
	const before = await view.ledger();
	expect(await view.ledger()).toBe(before);
	await owner.commit([bury(second)]);
	expect([...(await view.ledger()).keys()]).toEqual([first, second]);
});
