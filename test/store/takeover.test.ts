// A partition that is taken over while a commit is being written: it is refused, and nobody ever finds it.
import { afterEach, beforeEach, expect, it } from "vitest";
import { PARTITION_COUNT, PartitionMap } from "../../src/base/partitions.js";
import type { Store } from "../../src/store/store.js";
import { createDiskDir, type DiskDir } from "../support/disk-dir.js";
import { append, bytes, header, putSession, sid, tid } from "./values.js";

/** In partition 0, which the first of so many workers owns alone. */
const id = sid("0000000000000000000000000000feed");
const partitions = new PartitionMap(PARTITION_COUNT);
/** Takes far longer to be written than a partition to be opened. */
const LARGE = Array.from({ length: 128 }, (_, index) => bytes(1024 * 1024, index));

let dir: DiskDir;
const open: Store[] = [];
beforeEach(async () => {
	dir = await createDiskDir();
});
afterEach(async () => {
	for (const store of open.splice(0)) await store.close();
	await dir.remove();
});

async function openStore(): Promise<Store> {
	const store = await dir.open({ partitions });
	open.push(store);
	return store;
}

it.each(["into the session's file", "into a file of its own"] as const)(
	"between the commit's begin and its end, written %s",
	async (where) => {
		const first = await openStore();
		await first.commit([putSession(id, { turnCount: 1 }), append(id, 0, { reply: [bytes(3000)] })]);
		let late = first;
		if (where === "into a file of its own") {
			await first.close();
			late = await openStore();
		}
		let isOver = false;
		const commit = late
			.commit([append(id, 1, { "payload:0": LARGE }), putSession(id, { turnCount: 2 })])
			.then(
				() => "acknowledged",
				(error: { code?: string }) => error.code,
			)
			.finally(() => {
				isOver = true;
			});
		const next = await openStore();
		expect(await next.headers(id)).toEqual([header(0)]);
		expect(isOver).toBe(false);
		expect(await commit).toBe("session_state_conflict");
		next.cool(id);
		expect(await next.headers(id)).toEqual([header(0)]);
		await late.close();
		await next.close();
		const last = await openStore();
		expect(await last.headers(id)).toEqual([header(0)]);
		expect((await last.session(id))?.turnCount).toBe(1);
		expect(await last.part(id, tid(0), "reply")).toEqual(bytes(3000));
		await last.commit([append(id, 1), putSession(id, { turnCount: 2 })]);
		expect(await last.headers(id)).toHaveLength(2);
	},
	60_000,
);
