// Growing bytes against strings, and the views of all that was shown before.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GrowingBytes } from "../../src/base/growing-bytes.js";

describe("bytes of which the end is put anew", () => {
	it("are what a copy of the beginning and the new end would be, and what was shown never changes", () => {
		const step = fc.record({
			keptShare: fc.constantFrom(0, 0.3, 1, 1, 1),
			tail: fc.string({ maxLength: 40 }),
		});
		fc.assert(
			fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
				const bytes = new GrowingBytes();
				let expected = "";
				const shown: Array<[Buffer, string]> = [];
				for (const { keptShare, tail } of steps) {
					const latin = Buffer.from(tail).toString("latin1");
					const kept = Math.floor(expected.length * keptShare);
					bytes.replaceEnd(kept, Buffer.from(latin, "latin1"));
					expected = expected.slice(0, kept) + latin;
					shown.push([bytes.bytes, expected]);
				}
				for (const [view, text] of shown) expect(view.toString("latin1")).toBe(text);
			}),
			{ numRuns: 300 },
		);
	});
});
