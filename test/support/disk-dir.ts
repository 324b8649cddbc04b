// A data dir on disk that one test opens again and again, as restarts of a worker do.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openDiskStore } from "../../src/store/disk/store.js";
import type { Store } from "../../src/store/store.js";

export interface DiskDir {
	readonly path: string;
	/** Opens it for the only worker, with an epoch newer than every earlier one. */
	open(): Promise<Store>;
	/** Gives the lock back and removes everything. */
	remove(): Promise<void>;
}

export async function createDiskDir(tombstones = 100): Promise<DiskDir> {
	const path = await mkdtemp(join(tmpdir(), "rollpin-store-"));
	const dataDir = await prepareDataDir(path);
	return {
		path,
		async open() {
			return openDiskStore({
				dataDir: path,
				workerIndex: 0 as WorkerIndex,
				partitions: new PartitionMap(1),
				durability: "process",
				tombstones,
				epoch: await dataDir.nextEpoch(),
			});
		},
		async remove() {
			await dataDir.release();
			await rm(path, { recursive: true, force: true });
		},
	};
}
