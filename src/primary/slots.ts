// The slots of a cluster and what each child is started with. Starts none of them.
import type { ClusterConfig } from "../config/cluster-config.js";
import type { ClusterSnapshot, ToChild } from "../ipc/messages.js";
import type { WorkerAddress } from "../ipc/worker-address.js";
import { ChildSlot, type SlotListener } from "./child-slot.js";
import type { Fork } from "./fork.js";
import { ROUTER_RULES, SANDBOX_RULES, WORKER_RULES } from "./restart-policy.js";
import type { SocketDir } from "./socket-dir.js";

export interface SlotParts {
	fork: Fork;
	listener: SlotListener;
	sockets: SocketDir;
	/** A number greater than every earlier one for this data dir; it shuts a worker's predecessor out of the store. */
	nextStoreEpoch: () => Promise<number>;
	/** As it is when a child starts: the engine's URL may have become known since. */
	config: () => ClusterConfig;
	snapshot: () => ClusterSnapshot;
}

export interface ClusterSlots {
	router: ChildSlot;
	workers: readonly ChildSlot[];
	/** Null when a real engine was given. */
	sim: ChildSlot | null;
	/** Null where there are no sandboxes. */
	sandbox: ChildSlot | null;
}

export function createSlots(parts: SlotParts): ClusterSlots {
	const { config, fork, listener, sockets } = parts;
	const { backends, sandbox, upstream } = config();
	const common = { fork, listener };
	/** The same for each of its processes: workers know it from their start. One has ended before the next begins. */
	const sandboxAddress: WorkerAddress = { kind: "socket", path: sockets.path("s", 0, 0) };
	const worker = (index: number): ChildSlot =>
		new ChildSlot({
			...common,
			role: "worker",
			index,
			rules: WORKER_RULES,
			startMessage: async (epoch): Promise<ToChild> => ({
				type: "start_worker",
				index,
				epoch,
				storeEpoch: await parts.nextStoreEpoch(),
				address: { kind: "socket", path: sockets.path("w", index, epoch) },
				sandbox: sandbox === null ? null : sandboxAddress,
				config: config(),
			}),
		});
	return {
		workers: Array.from({ length: backends }, (_, index) => worker(index)),
		router: new ChildSlot({
			...common,
			role: "router",
			index: 0,
			rules: ROUTER_RULES,
			startMessage: (epoch): ToChild => ({
				type: "start_router",
				socketPath: sockets.path("r", 0, epoch),
				config: config(),
				snapshot: parts.snapshot(),
			}),
		}),
		sim:
			upstream === null
				? new ChildSlot({
						...common,
						role: "sim",
						index: 0,
						rules: WORKER_RULES,
						startMessage: () => ({ type: "start_sim", config: config() }),
					})
				: null,
		sandbox:
			sandbox === null
				? null
				: new ChildSlot({
						...common,
						role: "sandbox",
						index: 0,
						rules: SANDBOX_RULES,
						startMessage: (epoch): ToChild => ({
							type: "start_sandbox",
							epoch,
							address: sandboxAddress,
							config: config(),
							snapshot: parts.snapshot(),
						}),
					}),
	};
}
