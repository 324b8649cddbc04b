// A data dir on disk that one test opens again and again, as restarts of a worker do.
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Partition, WorkerIndex } from "../../src/base/ids.js";
import { PartitionMap } from "../../src/base/partitions.js";
import { prepareDataDir } from "../../src/data-dir/data-dir.js";
import { partitionDirectory, sessionsDirectory } from "../../src/store/disk/names.js";
import { type DiskStoreOptions, openDiskStore } from "../../src/store/disk/store.js";
import type { Store } from "../../src/store/store.js";

export interface DiskDir {
	readonly path: string;
	/** Opens it for the only worker, with an epoch newer than every earlier one. */
	open(changes?: Partial<DiskStoreOptions>): Promise<Store>;
	/** Files of a partition's sessions, as paths. */
	sessionFiles(partition: number): string[];
	/** Gives the lock back and removes everything. */
	remove(): Promise<void>;
}

export async function createDiskDir(tombstones = 100): Promise<DiskDir> {
	const path = await mkdtemp(join(tmpdir(), "rollpin-store-"));
	const dataDir = await prepareDataDir(path);
	return {
		path,
		async open(changes = {}) {
			return openDiskStore({
				dataDir: path,
				workerIndex: 0 as WorkerIndex,
				partitions: new PartitionMap(1),
				durability: "process",
				tombstones,
				epoch: await dataDir.nextEpoch(),
				...changes,
			});
		},
		sessionFiles(partition) {
			const directory = sessionsDirectory(partitionDirectory(path, partition as Partition));
			return existsSync(directory) ? readdirSync(directory).map((name) => join(directory, name)) : [];
		},
		async remove() {
			await dataDir.release();
			await rm(path, { recursive: true, force: true });
		},
	};
}
