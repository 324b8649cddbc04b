// The queue against a sorted list, under any order of calls.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DueQueue, type Queued } from "../../src/session/life/due-queue.js";

interface Item extends Queued {
	name: number;
}

const item = (name: number): Item => ({ name, queuedAtMs: 0, queueIndex: -1 });

describe("the queue of what is due", () => {
	it("always has the earliest item first, whatever was put in, moved and taken out", () => {
		const call = fc.record({
			name: fc.nat(12),
			atMs: fc.oneof(fc.nat(20), fc.double({ noNaN: true, min: 1, max: 1e9 })),
			kind: fc.constantFrom("set", "set", "delete"),
		});
		fc.assert(
			fc.property(fc.array(call, { maxLength: 80 }), (calls) => {
				const items = Array.from({ length: 13 }, (_, name) => item(name));
				const queue = new DueQueue<Item>();
				const model = new Map<number, number>();
				for (const { name, atMs, kind } of calls) {
					const one = items[name] as Item;
					if (kind === "set") {
						queue.set(one, atMs);
						model.set(name, atMs);
					} else {
						queue.delete(one);
						model.delete(name);
					}
					expect(queue.size).toBe(model.size);
					const earliest = Math.min(...model.values());
					if (model.size > 0) expect(queue.first?.queuedAtMs).toBe(earliest);
					else expect(queue.first).toBeUndefined();
				}
				const times: number[] = [];
				for (let first = queue.first; first !== undefined; first = queue.first) {
					times.push(first.queuedAtMs);
					queue.delete(first);
				}
				expect(times).toEqual([...model.values()].sort((a, b) => a - b));
				expect(items.every(({ queueIndex }) => queueIndex === -1)).toBe(true);
			}),
			{ numRuns: 500 },
		);
	});
});
