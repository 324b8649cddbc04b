// Opens the store that the configuration names.
import type { Partition, WorkerIndex } from "../base/ids.js";
import { PartitionMap } from "../base/partitions.js";
import type { ClusterConfig, StoreConfig } from "../config/cluster-config.js";
import { openDiskStore } from "../store/disk/store.js";
import { createMemoryStore } from "../store/memory/memory-store.js";
import type { Store } from "../store/store.js";
import type { Logger } from "../telemetry/logger.js";
import type { StoreWatch } from "./store-watch.js";

/**
 * @param epoch greater than that of every earlier owner of these partitions
 * @param onRefused told once of each partition that can't be served, which is logged here
 */
export async function openStore(
	config: StoreConfig & Pick<ClusterConfig, "backends">,
	index: WorkerIndex,
	epoch: number,
	logger: Logger,
	onRefused: (partition: Partition) => void,
	watch?: StoreWatch,
): Promise<Store> {
	if (config.store === "memory") return createMemoryStore({ tombstones: config.tombstones });
	return openDiskStore({
		dataDir: config.dataDir,
		workerIndex: index,
		partitions: new PartitionMap(config.backends),
		durability: config.durability,
		tombstones: config.tombstones,
		epoch,
		onPartitionRefused: (partition, reason) => {
			logger.event(
				"partition_refused",
				{ partition, reason },
				`partition ${partition} is not served: ${reason}`,
			);
			onRefused(partition);
		},
		onSessionDamaged: (id, file, reason) =>
			logger.event(
				"session_damaged",
				{ session_id: id, file, reason },
				`session ${id ?? "(unknown)"} is refused: ${file} is damaged: ${reason}; restore it from a copy, or DELETE the session`,
			),
		onSessionRolledBack: (id, bytes) =>
			logger.event(
				"session_rolled_back",
				{ session_id: id, lost_bytes: bytes },
				`a loss of power took the last ${bytes} bytes of session ${id}`,
			),
		onCommit: (elapsedMs, error) => watch?.committed(elapsedMs, error),
		keepReserve: true,
	});
}
