// Who owns a session id: a pure function of the id and the number of workers. No table, nothing to lose.
import { randomBytes } from "node:crypto";
import type { Partition, SessionId, WorkerIndex } from "./ids.js";

/** Fixed for the life of a data dir. */
export const PARTITION_COUNT = 64;

const MINTED = /^[0-3][0-9a-f][0-9a-f]{30}$/;
const CLIENT_ID = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/;

/** True when `text` may serve as a session id: 1-128 of `A-Z a-z 0-9 . _ -`, not starting with a dot. */
export function isSessionId(text: string): text is SessionId {
	return CLIENT_ID.test(text);
}

/** FNV-1a, 64 bits, over the UTF-8 bytes of `text` (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function fnv1a64(text: string): bigint {
	let hash = 0xcbf29ce484222325n;
	for (const byte of Buffer.from(text, "utf8")) {
		hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
	}
	return hash;
}

/**
 * The partition of a session id: the first two hex digits of an id that Rollpin minted (00-3f),
 * `fnv1a64(id) mod 64` of any other.
 */
export function partitionOf(id: SessionId): Partition {
	if (MINTED.test(id)) return Number.parseInt(id.slice(0, 2), 16) as Partition;
	return Number(fnv1a64(id) % BigInt(PARTITION_COUNT)) as Partition;
}

/** Who owns which partition in a launch, worked out once from its number of workers. */
export class PartitionMap {
	readonly workerCount: number;
	readonly #partitions: ReadonlyArray<readonly Partition[]>;

	constructor(workerCount: number) {
		this.workerCount = workerCount;
		const all = Array.from({ length: PARTITION_COUNT }, (_, partition) => partition as Partition);
		this.#partitions = Array.from({ length: workerCount }, (_, worker) =>
			all.filter((partition) => this.ownerOf(partition) === worker),
		);
	}

	/** The worker slot that owns a partition. */
	ownerOf(partition: Partition): WorkerIndex {
		return (partition % this.workerCount) as WorkerIndex;
	}

	/** The worker slot that owns a session. */
	workerOf(id: SessionId): WorkerIndex {
		return this.ownerOf(partitionOf(id));
	}

	/** In ascending order. */
	partitionsOf(worker: WorkerIndex): readonly Partition[] {
		return this.#partitions[worker] ?? [];
	}

	/**
	 * A new id on one of `worker`'s partitions: 32 lower-case hex digits, the first two the partition,
	 * 120 random bits after them.
	 * @param pick a random integer in [0, n); the seam for deterministic tests
	 */
	mint(worker: WorkerIndex, pick: (n: number) => number = (n) => Math.floor(Math.random() * n)): SessionId {
		const owned = this.partitionsOf(worker);
		const partition = owned[pick(owned.length)] as Partition;
		return (partition.toString(16).padStart(2, "0") + randomBytes(15).toString("hex")) as SessionId;
	}
}
