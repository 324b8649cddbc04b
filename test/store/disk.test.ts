// The disk store against the rules of every store.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { type DataDir, prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import { describeStore } from "./conformance.js";

const made: DataDir[] = [];
afterAll(async () => {
	for (const dataDir of made) {
		await dataDir.release();
		await rm(dataDir.path, { recursive: true, force: true });
	}
});

for (const durability of ["process", "power"] as const) {
	describeStore(`The disk store with durability ${durability}`, async (tombstones) => {
		const path = await mkdtemp(join(tmpdir(), "rollpin-store-"));
		const dataDir = await prepareDataDir(path);
		made.push(dataDir);
		const epoch = await dataDir.nextEpoch();
		return openDiskStore({
			dataDir: path,
			workerIndex: 0 as WorkerIndex,
			partitions: new PartitionMap(1),
			durability,
			tombstones,
			epoch,
		});
	});
}
