// Lists of ids as they are handed to a tokenizer, a few at a time.
import { describe, expect, it } from "vitest";
import { decodeInSlices } from "../../src/reads/decode-in-slices.js";
import type { Tito } from "../../src/tito/tito.js";

describe("texts of many id lists", () => {
	it("come in the lists' order, from calls that are each of bounded size, unless one list alone is larger", async () => {
		const calls: number[] = [];
		const decodeMany = async (lists: readonly Int32Array[]) => {
			calls.push(lists.reduce((sum, { length }) => sum + length, 0));
			return lists.map((ids) => ids.join());
		};
		const lists = Array.from({ length: 3000 }, (_, at) => Int32Array.of(at));
		lists.splice(100, 0, new Int32Array(50_000).fill(7), new Int32Array(0));
		const texts = await decodeInSlices({ decodeMany } as unknown as Tito, lists);
		expect(texts).toEqual(lists.map((ids) => ids.join()));
		expect(calls.filter((ids) => ids > 8 * 1024)).toEqual([50_000 + 100]);
		expect(calls.length).toBeGreaterThan(3);
		expect(await decodeInSlices({ decodeMany } as unknown as Tito, [])).toEqual([]);
	});
});
