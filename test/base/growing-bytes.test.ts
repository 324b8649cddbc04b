// Growing bytes against strings, and the views of all that was shown before.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GrowingBytes } from "../../src/base/growing-bytes.js";

describe("bytes of which the end is put anew", () => {
	it("are what a copy of the beginning and the new end would be, and what was shown never changes", () => {
		const step = fc.record({
			keptShare: fc.constantFrom(0, 0.3, 1, 1, 1),
			added: fc.string({ maxLength: 40 }),
		});
		fc.assert(
			fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
				const bytes = new GrowingBytes();
				let expected = "";
				const shown: Array<[Buffer, string]> = [];
				for (const { keptShare, added } of steps) {
					const latin = Buffer.from(added).toString("latin1");
					const kept = Math.floor(expected.length * keptShare);
					const tail = Buffer.from(latin, "latin1");
					bytes.replaceEnd(kept, tail);
					tail.fill(0);
					expected = expected.slice(0, kept) + latin;
					shown.push([bytes.bytes, expected]);
				}
				for (const [view, text] of shown) expect(view.toString("latin1")).toBe(text);
			}),
			{ numRuns: 300 },
		);
	});

	it("are copied as often as a list that grows by half moves, not once for each end", () => {
		const bytes = new GrowingBytes();
		const memory = new Set<ArrayBufferLike>();
		let length = 0;
		for (let turn = 0; turn < 200; turn++) {
			const tail = Buffer.from(`,{"turn":${turn}}`);
			bytes.replaceEnd(length, tail);
			memory.add(bytes.bytes.buffer);
			length += tail.length;
		}
		expect(memory.size).toBeLessThan(25);
		expect(bytes.byteCapacity).toBeLessThan(2 * length);
	});

	it("refuse to keep more than there is", () => {
		expect(() => new GrowingBytes().replaceEnd(1, Buffer.from("a"))).toThrow(RangeError);
	});
});
