// Opens the store that the configuration names.
import type { WorkerIndex } from "../base/ids.js";
import type { ClusterConfig } from "../ipc/config.js";
import { createMemoryStore } from "../store/memory-store.js";
import type { Store } from "../store/store.js";

export async function openStore(config: ClusterConfig, _index: WorkerIndex, _epoch: number): Promise<Store> {
	return createMemoryStore({ tombstones: config.tombstones });
}
