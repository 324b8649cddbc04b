import { describe, expect, it } from "vitest";
import type { SessionId, WorkerIndex } from "../../src/base/ids.js";
import {
	fnv1a64,
	isSessionId,
	PARTITION_COUNT,
	PartitionMap,
	partitionOf,
} from "../../src/base/partitions.js";

describe("session ids and their owners", () => {
	it.each([
		["", 0xcbf29ce484222325n],
		["a", 0xaf63dc4c8601ec8cn],
		["foobar", 0x85944171f73967e8n],
	])("hashes %j as the published FNV-1a test vectors say", (text, hash) => {
		expect(fnv1a64(text)).toBe(hash);
	});

	it.each(["a", "A-b_c.9", "x".repeat(128), "-", "_"])("accepts %j as a session id", (id) => {
		expect(isSessionId(id)).toBe(true);
	});

	it.each(["", ".", ".a", "x".repeat(129), "a b", "a/b", "é", "a\n", "a%2f"])(
		"refuses %j as a session id",
		(id) => {
			expect(isSessionId(id)).toBe(false);
		},
	);

	it("mints ids that its own worker owns, whatever the number of workers", () => {
		for (const workers of [1, 2, 3, 7, 63, 64]) {
			const partitions = new PartitionMap(workers);
			for (let worker = 0; worker < workers; worker++) {
				const id = partitions.mint(worker as WorkerIndex);
				expect(id).toMatch(/^[0-3][0-9a-f]{31}$/);
				expect(partitions.workerOf(id)).toBe(worker);
			}
		}
	});

	it("uses every partition of a worker", () => {
		const seen = new Set<number>();
		const partitions = new PartitionMap(3);
		for (let worker = 0; worker < 3; worker++) {
			const owned = Math.ceil((PARTITION_COUNT - worker) / 3);
			for (let pick = 0; pick < owned; pick++) {
				seen.add(partitionOf(partitions.mint(worker as WorkerIndex, (n) => Math.min(pick, n - 1))));
			}
		}
		expect(seen.size).toBe(PARTITION_COUNT);
	});

	it("gives every partition to exactly one worker, and each about as many", () => {
		for (const workers of [1, 5, 64]) {
			const partitions = new PartitionMap(workers);
			const lists = Array.from({ length: workers }, (_, worker) =>
				partitions.partitionsOf(worker as WorkerIndex),
			);
			expect(lists.flat().sort((a, b) => a - b)).toEqual(
				Array.from({ length: PARTITION_COUNT }, (_, n) => n),
			);
			const sizes = lists.map(({ length }) => length);
			expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
			for (const [worker, list] of lists.entries()) {
				expect(list.every((partition) => partitions.ownerOf(partition) === worker)).toBe(true);
			}
		}
	});

	it("maps a client's own id by its hash, and an upper-case look-alike of a minted id too", () => {
		const id = "run-17.agent_3" as SessionId;
		expect(partitionOf(id)).toBe(Number(fnv1a64(id) % 64n));
		const lookAlike = `0A${"b".repeat(30)}` as SessionId;
		expect(partitionOf(lookAlike)).toBe(Number(fnv1a64(lookAlike) % 64n));
	});

	it("finds every stored session again under another number of workers, because the partition does not change", () => {
		const id = new PartitionMap(4).mint(2 as WorkerIndex);
		expect(partitionOf(id)).toBe(Number.parseInt(id.slice(0, 2), 16));
	});
});
