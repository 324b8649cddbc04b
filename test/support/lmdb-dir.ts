// A data dir on disk that one test opens again and again, as restarts of a worker do.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { openLmdbStore } from "../../src/store/lmdb/store.js";
import type { Store } from "../../src/store/store.js";

export interface LmdbDir {
	readonly path: string;
	/** Opens it for the only worker, with an epoch newer than every earlier one. */
	open(): Promise<Store>;
	/** Gives the lock back and removes everything. */
	remove(): Promise<void>;
}

export async function createLmdbDir(tombstones = 100): Promise<LmdbDir> {
	const path = await mkdtemp(join(tmpdir(), "rollpin-store-"));
	const dataDir = await prepareDataDir(path);
	return {
		path,
		async open() {
			return openLmdbStore({
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
