// Owns the proof that ids become the same text however they were appended, and that views never change.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTokenText, idsToText } from "../../src/engine/token-text.js";

const id = fc.oneof(fc.nat(), fc.constantFrom(0, 9, 10, 99, 100, 999_999, 1_000_000, 2 ** 31 - 1));
const ids = fc.array(id, { maxLength: 50 }).map((list) => Int32Array.from(list));

describe("idsToText", () => {
	it("writes what join would", () => {
		fc.assert(fc.property(ids, (list) => expect(idsToText(list).toString()).toBe([...list].join(","))));
		for (let power = 0; power < 10; power++) {
			const around = Int32Array.of(10 ** power - 1, 10 ** power);
			expect(idsToText(around).toString()).toBe([...around].join(","));
		}
	});

	it("refuses a negative id", () => {
		expect(() => idsToText(Int32Array.of(1, -1))).toThrow(RangeError);
	});
});

describe("TokenText", () => {
	it("follows any appends and truncates, and leaves every earlier view as it was", () => {
		const step = fc.oneof(ids, fc.double({ min: 0, max: 1, noNaN: true }));
		fc.assert(
			fc.property(
				ids,
				fc.array(step, { maxLength: 20 }),
				fc.infiniteStream(fc.boolean()),
				(first, steps, look) => {
					const text = createTokenText(first);
					let model = [...first];
					const views: Array<{ view: Buffer; expected: string }> = [];
					for (const next of steps) {
						if (typeof next === "number") {
							const count = Math.floor(next * model.length);
							text.truncate(count);
							model = model.slice(0, count);
						} else {
							text.append(next);
							model.push(...next);
						}
						expect(text.count).toBe(model.length);
						expect(text.byteLength).toBe(model.join(",").length);
						if (look.next().value) views.push({ view: text.view(), expected: model.join(",") });
					}
					views.push({ view: text.view(), expected: model.join(",") });
					for (const { view, expected } of views) expect(view.toString()).toBe(expected);
				},
			),
			{ numRuns: 500 },
		);
	});

	it("refuses to keep more than it has", () => {
		const text = createTokenText(Int32Array.of(1, 2));
		expect(() => text.truncate(3)).toThrow(RangeError);
		expect(() => text.truncate(-1)).toThrow(RangeError);
	});
});
