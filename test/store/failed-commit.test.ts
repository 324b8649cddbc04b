// Commits that fail once they are written: nobody finds them later, and what is committed next stands.
import { readdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Partition } from "../../src/base/ids.js";
import { UNOWNED } from "../../src/data-dir/new-partitions.js";
import { ownerFile } from "../../src/store/disk/names.js";
import { Owner } from "../../src/store/disk/owner.js";
import { findSession, readImage, type SessionSource } from "../../src/store/disk/session-files.js";
import { SessionWriter, type WriterParts } from "../../src/store/disk/session-writer.js";
import { Descriptors } from "../../src/store/files/descriptors.js";
import { shapeOf } from "../../src/store/files/frame-writer.js";
import { FreeSpace } from "../../src/store/files/free-space.js";
import { Medium } from "../../src/store/files/medium.js";
import { makeFile } from "../../src/store/files/new-file.js";
import { run, type Steps } from "../../src/store/files/steps.js";
import { type CommitPlan, planCommit } from "../../src/store/plan/commit-plan.js";
import type { SessionImage } from "../../src/store/plan/image.js";
import type { StoreOp } from "../../src/store/store.js";
import { append, bytes, putSession, sid, tid } from "./values.js";

const BOOT = 7;
const id = sid("one");

class FailingMedium extends Medium {
	failing = false;

	override *flush(fd: number): Steps<void> {
		if (this.failing) throw Object.assign(new Error("EIO: the medium failed"), { code: "EIO" });
		yield* super.flush(fd);
	}
}

let directory: string;
const medium = new FailingMedium();
beforeEach(async () => {
	medium.failing = false;
	directory = await mkdtemp(join(tmpdir(), "rollpin-failed-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function planOf(
	ops: readonly StoreOp[],
	image: SessionImage | null,
): Extract<CommitPlan, { kind: "append" | "renew" }> {
	const plan = planCommit(id, ops, { image, owed: new Map() }, () => 0);
	if (plan.kind !== "append" && plan.kind !== "renew") throw new Error(`planned ${plan.kind}`);
	return plan;
}

it("A turn whose flush fails is not in the file that the next owner reads", async () => {
	writeFileSync(ownerFile(directory), UNOWNED);
	const owner = await run(Owner.take(directory, 0 as Partition, 1, BOOT, medium));
	const descriptors = new Descriptors(8, medium);
	const parts: WriterParts = {
		...{ directory, medium, descriptors, owner, epoch: 1, durable: true, bootTag: BOOT },
		space: new FreeSpace(directory, 0),
		nextNumber: () => 1,
	};
	const writer = new SessionWriter(parts);
	const session = await run(writer.make(id, 1, planOf([putSession(id)], null)));
	const { path } = session.newest.file;
	const source: SessionSource = {
		...{ medium, descriptors, bootTag: BOOT },
		pathOf: () => path,
		isOwn: () => true,
	};
	const image = await run(readImage(source, session.segments));
	const turn = (reply: Buffer) => planOf([append(id, 0, { reply: [reply] })], image);
	const stored = async () => {
		const found = await run(findSession(source, session.newest.stamp, id));
		return (await run(readImage(source, found.segments))).get(tid(0))?.parts.get("reply")?.length ?? null;
	};
	medium.failing = true;
	await expect((async () => run(writer.append(session, image, turn(bytes(900)))))()).rejects.toMatchObject({
		code: "EIO",
	});
	medium.failing = false;
	expect(await stored()).toBeNull();
	await run(writer.append(session, image, turn(bytes(5000))));
	expect(await stored()).toBe(5000);
	descriptors.close();
	owner.close();
});

it("A new file whose directory can't be flushed is removed again: it would be the newest after a restart", async () => {
	const path = join(directory, "one.1-1");
	const frame = { text: "[]", bodies: [], bytes: 0 };
	const made = run(
		makeFile(medium, {
			...{ path, unfinishedPath: `${path}.tmp`, directory: join(directory, "not there") },
			head: { kind: "session", id, epoch: 1, number: 1, order: 1, pin: null },
			slot: { length: 0, flushed: 0, recordAt: 0, createdAt: 0, expiresAt: 0, lastUsedAt: 0, bootTag: 0 },
			...{ frame, shape: shapeOf(frame), durable: true },
		}),
	);
	await expect(made).rejects.toMatchObject({ code: "ENOENT" });
	expect(readdirSync(directory)).toEqual([]);
});
