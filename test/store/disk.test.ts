// The disk store against the rules of every store.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import { describeStore } from "./conformance.js";

const made: string[] = [];
afterAll(async () => {
	for (const path of made) await rm(path, { recursive: true, force: true });
});

for (const durability of ["process", "power"] as const) {
	describeStore(`The disk store with durability ${durability}`, async (tombstones) => {
		const path = await mkdtemp(join(tmpdir(), "rollpin-store-"));
		made.push(path);
		const dataDir = await prepareDataDir(path);
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
