// A part that is read while its session is written anew beside it: every byte comes, and nobody takes it for damage.
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Partition } from "../../src/base/ids.js";
import { UNOWNED } from "../../src/data-dir/new-partitions.js";
import { ownerFile } from "../../src/store/disk/names.js";
import { Owner } from "../../src/store/disk/owner.js";
import { PartReader } from "../../src/store/disk/part-reader.js";
import { rewrite } from "../../src/store/disk/rewrite.js";
import { readImage } from "../../src/store/disk/session-files.js";
import { SessionWriter, type WriterParts } from "../../src/store/disk/session-writer.js";
import type { StoredSession } from "../../src/store/disk/stored-session.js";
import { Descriptors } from "../../src/store/files/descriptors.js";
import { FreeSpace } from "../../src/store/files/free-space.js";
import { Medium } from "../../src/store/files/medium.js";
import { run, type Steps, wait } from "../../src/store/files/steps.js";
import { planCommit } from "../../src/store/plan/commit-plan.js";
import type { SessionImage } from "../../src/store/plan/image.js";
import type { StoreOp } from "../../src/store/store.js";
import { append, bytes, putSession, sid, tid } from "./values.js";

const BOOT = 7;
const id = sid("one");
const OLD = bytes(300_000, 1);
const NEW = bytes(40_000, 2);

/** Its first call of one kind waits until it is let go. */
class WaitingMedium extends Medium {
	readonly #waitsAt: "open" | "read";
	readonly waiting: Promise<void>;
	#atIt = (): void => undefined;
	#release = (): void => undefined;
	#gate: Promise<void> | null;

	constructor(waitsAt: "open" | "read") {
		super();
		this.#waitsAt = waitsAt;
		this.waiting = new Promise((resolve) => {
			this.#atIt = resolve;
		});
		this.#gate = new Promise((resolve) => {
			this.#release = resolve;
		});
	}

	release(): void {
		this.#release();
	}

	override *open(path: string, flags: string): Steps<number> {
		if (this.#waitsAt === "open") yield* this.#wait();
		return yield* super.open(path, flags);
	}

	override *read(fd: number, into: Buffer, at: number): Steps<number> {
		if (this.#waitsAt === "read") yield* this.#wait();
		return yield* super.read(fd, into, at);
	}

	*#wait(): Steps<void> {
		const gate = this.#gate;
		this.#gate = null;
		if (gate === null) return;
		this.#atIt();
		yield* wait(gate);
	}
}

let directory: string;
let parts: WriterParts;
let session: StoredSession;
let image: SessionImage;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "rollpin-moved-"));
	writeFileSync(ownerFile(directory), UNOWNED);
	const medium = new Medium();
	let number = 0;
	parts = {
		...{ directory, medium, epoch: 1, durable: false, bootTag: BOOT, nextNumber: () => ++number },
		owner: await run(Owner.take(directory, 0 as Partition, 1, BOOT, medium)),
		// None stays open for the next read.
		descriptors: new Descriptors(0, medium),
		space: new FreeSpace(directory, 0),
	};
	const writer = new SessionWriter(parts);
	const plan = (ops: readonly StoreOp[], of: SessionImage | null) => {
		const planned = planCommit(id, ops, { image: of, owed: new Map() }, () => OLD.length);
		if (planned.kind !== "append" && planned.kind !== "renew") throw new Error(`planned ${planned.kind}`);
		return planned;
	};
	const first = [putSession(id), append(id, 0, { "payload:0": [OLD] })];
	session = await run(writer.make(id, 1, plan(first, null)));
	const source = { ...parts, pathOf: () => session.newest.file.path, isOwn: () => true };
	image = await run(readImage(source, session.segments));
	session.image = image;
	const bases = new Map([["payload:0" as const, { turn: tid(0), part: "payload:0" as const }]]);
	const second = { ...append(id, 1, { "payload:0": [OLD, NEW] }), bases } as StoreOp;
	await run(writer.append(session, image, plan([second], image)));
});
afterEach(async () => {
	parts.descriptors.close();
	parts.owner.close();
	await rm(directory, { recursive: true, force: true });
});

function readerOf(medium: Medium): PartReader {
	const damaged = (_: unknown, why: string) => new Error(`damaged: ${why}`);
	return new PartReader({ medium, descriptors: parts.descriptors, damaged });
}

const WAYS: Array<[way: string, read: (reader: PartReader) => Promise<Buffer>]> = [
	["as a whole", async (reader) => run(reader.part(session, tid(1), "payload:0"))],
	[
		"by a cursor",
		async (reader) => {
			const cursor = reader.cursor(session, tid(1), "payload:0");
			const all = Buffer.alloc(OLD.length + NEW.length);
			expect(await cursor.read(all)).toBe(all.length);
			await cursor.close();
			return all;
		},
	],
];

for (const waitsAt of ["open", "read"] as const) {
	it.each(WAYS)(
		`It is read %s where the ${waitsAt} of its old file ends after the rewrite`,
		async (_, read) => {
			const medium = new WaitingMedium(waitsAt);
			const { path } = session.newest.file;
			const reading = read(readerOf(medium));
			await medium.waiting;
			await run(rewrite(session, image, parts));
			expect(existsSync(path)).toBe(false);
			medium.release();
			expect((await reading).equals(Buffer.concat([OLD, NEW]))).toBe(true);
		},
	);
}
